package keyview

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"meridian/cluster/control"
)

// property is a line of a comparison.
type property struct {
	name   string
	shared func(*control.SharedState) string
	own    func(*control.OwnState) string
}

// value is the property of a state that is known. Several things are lines of text.
func (p property) value(s *control.KeyState) string {
	if p.shared != nil {
		return p.shared(s.Shared)
	}
	return p.own(s.Own)
}

// properties are the lines, in the order in which they are shown.
func properties() []property {
	type (
		shared = control.SharedState
		own    = control.OwnState
	)
	return []property{
		{name: "version", shared: func(s *shared) string { return s.Version }},
		{name: "written by", shared: func(s *shared) string { return s.Writer }},
		{name: "primary", shared: func(s *shared) string { return s.Primary }},
		{name: "handing over to", shared: func(s *shared) string { return s.Handoff }},
		{name: "members", shared: members},
		{name: "materials", shared: materials},
		{name: "current", shared: func(s *shared) string { return ShortID(s.Current) }},
		{name: "pending", shared: func(s *shared) string { return ShortID(s.Pending) }},
		{name: "rotation", shared: rotation},
		{name: "spec", shared: func(s *shared) string { return s.Spec }},
		{name: "usage", shared: func(s *shared) string { return s.Usage }},
		{name: "origin", shared: func(s *shared) string { return s.Origin }},
		{name: "ended", shared: func(s *shared) string { return said(s.Ended, "yes") }},

		{name: "role", own: func(s *own) string { return s.Role }},
		{name: "state", own: func(s *own) string { return s.State }},
		{name: "deletion", own: deletion},
		{name: "complete", own: func(s *own) string { return said(s.Complete, "yes") + said(!s.Complete, "no") }},
		{name: "incarnation", own: func(s *own) string { return s.Inc }},
		{name: "status no.", own: func(s *own) string { return said(s.SV > 0, fmt.Sprint(s.SV)) }},
		{name: "holds", own: func(s *own) string { return lines(s.Held, ShortID) }},
		{name: "imported", own: func(s *own) string { return lines(s.Imports, imported) }},
		{name: "owes", own: func(s *own) string { return lines(s.Owes, owed) }},
		{name: "has heard", own: func(s *own) string { return lines(s.Knows, known) }},
		{name: "hand-over", own: func(s *own) string { return s.Handoff }},
		{name: "halted", own: func(s *own) string { return s.Halted }},
		{name: "waits to hear", own: func(s *own) string { return strings.Join(s.Awaits, "\n") }},
		{name: "role went", own: func(s *own) string { return lines(s.Handovers, handover) }},
		{name: "created", own: func(s *own) string { return moment(s.CreatedAt) }},
		{name: "description", own: func(s *own) string { return s.Description }},
		{name: "policy", own: policy},
		{name: "tags", own: func(s *own) string { return strings.Join(s.Tags, "\n") }},
		{name: "aliases", own: func(s *own) string { return strings.Join(s.Aliases, "\n") }},
		{name: "grants", own: func(s *own) string { return said(s.Grants > 0, fmt.Sprint(s.Grants)) }},
	}
}

// ShortID is as much of a material's id as people need to tell it from others.
func ShortID(id string) string { return fmt.Sprintf("%.8s", id) }

func said(is bool, text string) string {
	if is {
		return text
	}
	return ""
}

func lines[T any](list []T, show func(T) string) string {
	shown := make([]string, 0, len(list))
	for _, v := range list {
		shown = append(shown, show(v))
	}
	return strings.Join(shown, "\n")
}

func members(s *control.SharedState) string {
	return lines(s.Members, func(m control.ListedMember) string {
		return m.Region + " " + m.Inc + said(m.Gone && !m.Fenced, " gone") + said(m.Fenced, " lost")
	})
}

func materials(s *control.SharedState) string {
	return lines(s.Materials, func(m control.Material) string {
		return fmt.Sprintf("%d: %s", m.Number, ShortID(m.ID)) + said(m.ID == s.Current, " current") + said(m.ID == s.Pending, " pending")
	})
}

func rotation(s *control.SharedState) string {
	if s.Rotation == nil {
		return ""
	}
	return fmt.Sprintf("every %d days\n%s", s.Rotation.PeriodDays, moment(s.Rotation.NextAt))
}

func deletion(s *control.OwnState) string {
	switch {
	case s.DeletionAt != "":
		return moment(s.DeletionAt)
	case s.WindowDays > 0:
		return fmt.Sprintf("%d days after\nthe replicas", s.WindowDays)
	}
	return ""
}

func imported(m control.Imported) string {
	return ShortID(m.ID) + said(m.ValidTo != "", " until "+m.ValidTo)
}

func owed(o control.OwedMessage) string { return o.What + " to " + o.To }

func known(k control.KnownStatus) string {
	return fmt.Sprintf("%s: %d\n  %s at %s", k.From, k.SV, k.State, k.Applied)
}

func handover(c control.Certificated) string { return fmt.Sprintf("%d: to %s", c.Epoch, c.To) }

// policy names a text that is too long for a column.
func policy(s *control.OwnState) string {
	if s.Policy == "" {
		return ""
	}
	return fmt.Sprintf("sha256 %.4x", sha256.Sum256([]byte(s.Policy)))
}

// moment is a time without what makes a column wide.
func moment(at string) string {
	return strings.Replace(fmt.Sprintf("%.19s", at), "T", " ", 1)
}
