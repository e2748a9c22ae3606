package promotecmd

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/imagediff"
)

// gateWords are what a channel requires of what comes, for people.
func gateWords(ch channel.Channel) []string {
	var all []string
	switch {
	case ch.From == "":
		all = append(all, "it is the entry: a build brings its digest")
	case ch.Order == channel.OrderHeld:
		all = append(all, ch.From+" holds it, or held it once")
	default:
		all = append(all, ch.From+" holds it")
	}
	for _, t := range ch.Gate.Tests {
		all = append(all, testWords(t))
	}
	if a := ch.Gate.Approvals; a != nil {
		all = append(all, approvalWords(*a))
	}
	if ch.Gate.Soak > 0 {
		all = append(all, fmt.Sprintf("it was in %s for %s", ch.From, ch.Gate.Soak))
	}
	if ch.Version != "" {
		all = append(all, "it gets a version, as in v1.2.3")
	}
	for _, f := range ch.Gate.Freeze {
		when := f.Weekly + " UTC, every week"
		if f.Weekly == "" {
			when = timeText(f.From) + " to " + timeText(f.To)
		}
		all = append(all, fmt.Sprintf("it is not %s (%s)", when, f.Reason))
	}
	return all
}

func testWords(t channel.Test) string {
	words := fmt.Sprintf("test %s passed, signed by %s", t.Name, strings.Join(t.Signers, " or "))
	if t.Fresh > 0 {
		words += fmt.Sprintf(", not more than %s ago", t.Fresh)
	}
	if t.Disk {
		words += ", with the disk that is made of it"
	}
	return words
}

func approvalWords(a channel.Approvals) string {
	var ways []string
	if len(a.Signers) > 0 {
		ways = append(ways, "by statements signed by "+strings.Join(a.Signers, " or "))
	}
	if len(a.Tags) > 0 {
		ways = append(ways, "by git tags signed by "+strings.Join(a.Tags, " or "))
	}
	return fmt.Sprintf("approvals of its plan by different people: %d, %s", a.Count, strings.Join(ways, ", or "))
}

func printShown(w io.Writer, s portrait) {
	fmt.Fprintf(w, "%s: %s at %s\n", s.Channel, s.Kind, s.Location)
	fmt.Fprintf(w, "holds %s", dash(s.Digest))
	if s.Version != "" {
		fmt.Fprintf(w, " as %s", s.Version)
	}
	fmt.Fprintln(w)
	if s.Open != "" {
		fmt.Fprintf(w, "unfinished: a move to %s; `slipway promotion resume %s`\n", s.Open, s.Channel)
	}
	for _, step := range s.Way {
		printWay(w, step)
	}
	printList(w, "its gate requires", s.Gate)
	printBefore(w, s)
	s.printContent(w)
	printList(w, "could not be read", s.Problems)
}

func printList(w io.Writer, title string, lines []string) {
	if len(lines) > 0 {
		fmt.Fprintf(w, "%s:\n  %s\n", title, strings.Join(lines, "\n  "))
	}
}

func printWay(w io.Writer, s step) {
	fmt.Fprintf(w, "%s since %s by %s", s.Channel, timeText(s.Since), s.Who)
	if s.Rollback {
		fmt.Fprint(w, ", rolled back to it")
	}
	if s.Source != "" {
		fmt.Fprintf(w, ", from %s", s.Source)
	}
	if s.Why != "" {
		fmt.Fprintf(w, ": %s", s.Why)
	}
	fmt.Fprintln(w)
	if s.Plan != "" {
		fmt.Fprintf(w, "  plan %s\n", s.Plan)
	}
	if s.Train != "" {
		fmt.Fprintf(w, "  train %s\n", s.Train)
	}
	for _, e := range s.Evidence {
		fmt.Fprintf(w, "  %s\n", e)
	}
	for _, a := range s.Approvals {
		fmt.Fprintf(w, "  %s\n", a)
	}
}

func (e shownEvidence) String() string {
	if e.Problem != "" {
		return fmt.Sprintf("test %s, cannot be verified: %s", e.Test, e.Problem)
	}
	return strings.TrimSuffix(fmt.Sprintf("test %s %s at %s, signed by %s: %s", e.Test, e.Result, timeText(e.Finished), e.Signer, e.Log), ": ")
}

func (a shownApproval) String() string {
	switch {
	case a.Problem != "":
		return fmt.Sprintf("approval %s, cannot be verified: %s", a.Key, a.Problem)
	case a.At == nil:
		return "approved by the signed " + a.Key
	}
	return strings.TrimSuffix(fmt.Sprintf("approved by %s at %s, signed by %s: %s", a.Approver, timeText(*a.At), a.Signer, a.Comment), ": ")
}

func printBefore(w io.Writer, s portrait) {
	var held, barred []string
	for _, b := range s.Before {
		line := strings.TrimSuffix(b.Digest+" "+b.Version, " ") + " from " + timeText(b.Since) + " to " + timeText(b.Until)
		if b.Barred {
			line += ", barred"
		}
		held = append(held, line)
	}
	for _, b := range s.Barred {
		barred = append(barred, strings.TrimSuffix(fmt.Sprintf("%s since %s by %s: %s", b.Digest, timeText(b.Since), b.Who, b.Why), ": "))
	}
	printList(w, "held before", held)
	printList(w, "barred, until `slipway channel lift`", barred)
}

func (s portrait) printContent(w io.Writer) {
	switch {
	case s.Image != nil:
		fmt.Fprintf(w, "media type %s\n", s.Image.MediaType)
		for _, p := range s.Image.Platforms {
			printPlatform(w, p)
		}
	case s.Release != nil:
		fmt.Fprintf(w, "release %s of %s, commit %s\n", s.Release.Version, s.Release.Repository, s.Release.Commit)
		for _, a := range artifactsOf(*s.Release) {
			fmt.Fprintf(w, "  %s\n", a)
		}
	case s.Size != nil:
		fmt.Fprintf(w, "size %s\n", imagediff.Size(*s.Size))
	}
}

func printPlatform(w io.Writer, p imagediff.Platform) {
	fmt.Fprintf(w, "%s: %s, %d layers", dash(p.Name), imagediff.Size(p.Size), len(p.Layers))
	if !p.Created.IsZero() {
		fmt.Fprintf(w, ", created %s", timeText(p.Created))
	}
	fmt.Fprintln(w)
	for _, name := range slices.Sorted(maps.Keys(p.Config.Labels)) {
		fmt.Fprintf(w, "  label %q\n", name+"="+p.Config.Labels[name])
	}
}
