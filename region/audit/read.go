package audit

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxLine bounds a line that is read, in bytes. No record is longer: it holds two structures and a message at most.
const maxLine = 1 << 20

// A Record is a line of an audit file: what readers tell records apart by, and the line itself.
type Record struct {
	Line  string `json:"-"`
	Event struct {
		Name        string `json:"eventName"`
		ID          string `json:"eventID"`
		Region      string `json:"awsRegion"`
		ErrorCode   string `json:"errorCode"`
		ErrorText   string `json:"errorMessage"`
		Type        string `json:"eventType"`
		Recipient   string `json:"recipientAccountId"`
		RequestID   string `json:"requestID"`
		ReadOnly    bool   `json:"readOnly"`
		Source      string `json:"sourceIPAddress"`
		UserAgent   string `json:"userAgent"`
		SharedEvent string `json:"sharedEventID"`
		Identity    struct {
			Type      string `json:"type"`
			ARN       string `json:"arn"`
			Account   string `json:"accountId"`
			InvokedBy string `json:"invokedBy"`
		} `json:"userIdentity"`
		Parameters struct {
			KeyID string `json:"keyId"`
		} `json:"requestParameters"`
		Resources []struct {
			ARN string `json:"ARN"`
		} `json:"resources"`
		Meridian struct {
			Node       string `json:"node"`
			TimeMillis int64  `json:"timeMillis"`
		} `json:"meridian"`
	}
}

// About says whether a record is about a key, given by its id or ARN.
func (r *Record) About(key string) bool {
	is := func(arn string) bool { return arn == key || strings.HasSuffix(arn, ":key/"+key) }
	for _, k := range r.Event.Resources {
		if is(k.ARN) {
			return true
		}
	}
	return is(r.Event.Parameters.KeyID) // an entry of another Region's UpdatePrimaryRegion has no resources
}

// parse reads a line.
func parse(line string) (*Record, error) {
	r := &Record{Line: line}
	if err := json.Unmarshal([]byte(line), &r.Event); err != nil {
		return nil, err
	}
	return r, nil
}

// A Reader reads the records in a folder, the oldest first, and those that are added.
type Reader struct {
	dir    string
	number uint64 // of the open file, or the last one that was
	file   *os.File
	buf    *bufio.Reader
	part   []byte // of a line without its end
	long   bool   // the line is longer than a record can be
}

// NewReader returns a Reader of a folder, which need not be there yet.
func NewReader(dir string) *Reader { return &Reader{dir: dir} }

// Read yields the whole records that were added since the last call, to its first error. A line that is no record, as
// a dying process may leave, is passed over.
func (r *Reader) Read(each func(*Record) error) error {
	for {
		if r.file == nil {
			opened, err := r.openNext()
			if err != nil || !opened {
				return err
			}
		}
		if err := r.rest(each); err != nil {
			return err
		}
		there, err := numbers(r.dir)
		if err != nil {
			return err
		}
		if len(there) == 0 || there[len(there)-1] <= r.number {
			return nil
		}
		// There is a later file, so nothing is added to this one: what came since it was read is its end.
		if err := r.rest(each); err != nil {
			return err
		}
		r.Close()
	}
}

// openNext opens the oldest file after the last one that was read. One that was removed meanwhile is passed over.
func (r *Reader) openNext() (bool, error) {
	there, err := numbers(r.dir)
	if err != nil {
		return false, err
	}
	for _, n := range there {
		if n <= r.number {
			continue
		}
		file, err := os.Open(filepath.Join(r.dir, fileName(n)))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, err
		}
		r.number, r.file, r.buf = n, file, bufio.NewReaderSize(file, 64<<10)
		return true, nil
	}
	return false, nil
}

// rest reads to the end of the open file.
func (r *Reader) rest(each func(*Record) error) error {
	for {
		piece, err := r.buf.ReadSlice('\n')
		if r.long = r.long || len(r.part)+len(piece) > maxLine; r.long {
			r.part = r.part[:0]
		} else {
			r.part = append(r.part, piece...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		line := strings.TrimSuffix(string(r.part), "\n")
		r.part, r.long = r.part[:0], false
		if record, err := parse(line); err == nil {
			if err := each(record); err != nil {
				return err
			}
		}
	}
}

// Close closes the file that is open.
func (r *Reader) Close() {
	if r.file != nil {
		r.file.Close()
	}
	r.file, r.part, r.long = nil, r.part[:0], false
}
