package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"meridian/cluster/layout"
)

// DefaultRecordBytes is how long a recording may become if nobody says otherwise.
const DefaultRecordBytes = 256 << 20

// maxRecordOrder bounds the file that tells a front door what to record.
const maxRecordOrder = 64 << 10

// recordFormat is the version of that file.
const recordFormat = 1

// recordTime bounds how long a front door may take to obey.
const recordTime = 10 * time.Second

// recordOrder tells a front door what to record. It stays in the cluster's folder, so that the next front door goes on.
type recordOrder struct {
	Format   int    `json:"format"`
	File     string `json:"file"` // absolute
	MaxBytes int64  `json:"maxBytes"`
}

// parseRecordOrder reads an order; it trusts nothing.
func parseRecordOrder(b []byte) (o recordOrder, err error) {
	if err := json.Unmarshal(b, &o); err != nil {
		return recordOrder{}, fmt.Errorf("what to record: %w", err)
	}
	switch {
	case o.Format != recordFormat:
		return recordOrder{}, fmt.Errorf("what to record has format %d, this program knows %d", o.Format, recordFormat)
	case !filepath.IsAbs(o.File) || o.MaxBytes <= 0:
		return recordOrder{}, errors.New("what to record: it names no file, or no size")
	}
	return o, nil
}

func loadRecordOrder(d layout.Dir) (recordOrder, error) {
	return layout.Load(d.RecordFile(), maxRecordOrder, recordOrder{}, parseRecordOrder)
}

// OrderRecording has the front door record every call into a new file, from when it next looks. The file must not be
// there: a history is one recording.
func (c *Cluster) OrderRecording(file string, maxBytes int64) error {
	file, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	if maxBytes < 1<<10 {
		return fmt.Errorf("%w: a history of %d bytes holds nothing: at least 1024", ErrUsage, maxBytes)
	}
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("%w: %s is there already: a recording begins in a new file", ErrUsage, file), err)
	}
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if o, err := loadRecordOrder(c.Dir); err == nil && o.File != "" {
		return fmt.Errorf("%w: it is recorded already, into %s: `meridian record stop` ends that", ErrUsage, o.File)
	}
	return layout.WriteFile(c.Dir.RecordFile(), recordOrder{recordFormat, file, maxBytes}, 0o644)
}

// StartRecording is OrderRecording; it returns when the front door obeys.
func (c *Cluster) StartRecording(ctx context.Context, file string, maxBytes int64) (Recording, error) {
	if _, err := c.overview(ctx); err != nil {
		return Recording{}, fmt.Errorf("the front door does not answer, which is where calls are recorded: %w", err)
	}
	if err := c.OrderRecording(file, maxBytes); err != nil {
		return Recording{}, err
	}
	return c.AwaitRecording(ctx)
}

// AwaitRecording waits until the front door records what it was told to, and takes the order back if it cannot. If it was
// told nothing, no file is named.
func (c *Cluster) AwaitRecording(ctx context.Context) (Recording, error) {
	o, err := loadRecordOrder(c.Dir)
	if err != nil || o.File == "" {
		return Recording{}, err
	}
	now, err := c.awaitOverview(ctx, "begin", func(r *Recording) bool { return r != nil && (r.Error != "" || strings.HasPrefix(r.File, o.File)) })
	if err != nil {
		return Recording{}, err
	}
	if now.Error != "" {
		return *now, errors.Join(fmt.Errorf("the front door cannot record: %s", now.Error), os.Remove(c.Dir.RecordFile()))
	}
	return *now, nil
}

// StopRecording ends a recording, and says what was recorded. It returns when the file is whole.
func (c *Cluster) StopRecording(ctx context.Context) (Recording, error) {
	last, err := c.Recording(ctx)
	if err != nil {
		return last, err
	}
	if err := os.Remove(c.Dir.RecordFile()); err != nil {
		return last, err
	}
	if _, err = c.awaitOverview(ctx, "end", func(r *Recording) bool {
		if r != nil {
			last = *r
		}
		return r == nil
	}); err != nil {
		return last, err
	}
	if info, err := os.Stat(last.File); err == nil {
		last.Bytes = info.Size()
	}
	return last, nil
}

// Recording says what is recorded.
func (c *Cluster) Recording(ctx context.Context) (Recording, error) {
	o, err := loadRecordOrder(c.Dir)
	switch {
	case err != nil:
		return Recording{}, err
	case o.File == "":
		return Recording{}, errors.New("nothing is recorded: `meridian record start FILE` begins")
	}
	now, err := c.overview(ctx)
	if err != nil || now.Recording == nil {
		return Recording{File: o.File, Error: "the front door does not answer"}, nil
	}
	return *now.Recording, nil
}

func (c *Cluster) awaitOverview(ctx context.Context, what string, done func(*Recording) bool) (*Recording, error) {
	ctx, cancel := context.WithTimeout(ctx, recordTime)
	defer cancel()
	for {
		now, err := c.overview(ctx)
		if err == nil && done(now.Recording) {
			return now.Recording, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: the front door did not %s to record in %v", ErrUnknown, what, recordTime)
		case <-time.After(lagLook):
		}
	}
}

// overview asks the front door what it knows.
func (c *Cluster) overview(ctx context.Context) (o Overview, err error) {
	ctx, cancel := context.WithTimeout(ctx, adminTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.File.Addr(c.File.Port)+"/_meridian/", nil)
	if err != nil {
		return o, err
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return o, err
	}
	defer resp.Body.Close()
	return o, json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&o)
}
