package promote_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/testkit/chatops"
)

// hidden is an approver's comment in which the approval is no line of its own text.
func hidden(format string) func(*fray) {
	return func(f *fray) {
		f.says("maintainer-one", "%s", strings.ReplaceAll(format, "COMMAND", "/approve-promotion "+f.plan))
	}
}

// misnamed is that an approver approves something near the plan's hash.
func misnamed(change func(plan string) string) func(*fray) {
	return func(f *fray) { f.says("maintainer-one", "/approve-promotion %s", change(f.plan)) }
}

const (
	wholeHash = "name the plan by its whole hash"
	unseen    = "a character that cannot be seen"
	sayHow    = "say `/promote ARTIFACT to CHANNEL`"
)

var byComment = []attack{
	{name: "in a quote", play: hidden("> COMMAND\n\nIs this right?")},
	{name: "in a quote's lazy line", play: hidden("> Somebody said:\nCOMMAND")},
	{name: "in fenced code", play: hidden("```\nCOMMAND\n```")},
	{name: "in a fence that is not closed", play: hidden("~~~\n\nCOMMAND")},
	{name: "in indented code", play: hidden("So:\n\n    COMMAND\n")},
	{name: "in inline code", play: hidden("`\nCOMMAND\n`")},
	{name: "in an HTML comment", play: hidden("<!--\nCOMMAND\n-->")},
	{name: "in details", play: hidden("<details>\n\nCOMMAND\n\n</details>")},
	{name: "in a list", play: hidden("- first\n\n  COMMAND\n")},
	{name: "in a table", play: hidden("| a |\n| - |\nCOMMAND")},
	{name: "in a link's definition", play: hidden("[x]: /y '\nCOMMAND\n'")},
	{name: "in a heading", play: hidden("COMMAND\n===")},
	{name: "struck out", play: hidden("~~No:\nCOMMAND\nno~~")},
	{name: "in a footnote", play: hidden("x[^1]\n\n[^1]: y\nCOMMAND")},
	{name: "in the middle of a line", play: hidden("You could say COMMAND")},
	{name: "after a space", play: hidden(" COMMAND")},

	{name: "with a Cyrillic letter", play: hidden("/approve-prоmotion x\n" + strings.Repeat(" ", 3) + "COMMAND")},
	{name: "with a full-width slash", play: func(f *fray) { f.says("maintainer-one", "／approve-promotion %s", f.plan) }},
	{name: "with a zero-width joiner", says: unseen, play: misnamed(func(plan string) string { return plan + "\u200d" })},
	{name: "with an override of direction", says: unseen, play: misnamed(func(plan string) string { return "\u202e" + plan })},
	{name: "with a space that is none", says: unseen, play: func(f *fray) { f.says("maintainer-one", "/approve-promotion\u00a0%s", f.plan) }},
	{name: "with digits of another script", says: wholeHash, play: misnamed(func(plan string) string { return plan[:70] + "１" })},

	{name: "a shortened hash", says: wholeHash, play: misnamed(func(plan string) string { return plan[:19] })},
	{name: "a hash in capitals", says: wholeHash, play: misnamed(strings.ToUpper)},
	{name: "a hash without its kind", says: wholeHash, play: misnamed(func(plan string) string { return plan[7:] })},
	{name: "two hashes", says: wholeHash, play: misnamed(func(plan string) string { return plan + " " + plan })},
	{name: "another hash", says: "no plan of this thread", play: misnamed(func(string) string { return "sha256:" + strings.Repeat("0", 64) })},
	{name: "an old hash", says: "or no longer", play: func(f *fray) {
		old := f.plan
		f.replan()
		f.says("maintainer-one", "/approve-promotion %s", old)
	}},
	{name: "another thread's plan", says: "no plan of this thread", play: func(f *fray) {
		theirs := ""
		f.elsewhereIn("Theirs", func() {
			f.talk.disk("another disk")
			f.says("contributor", "/promote hello-disk to testing")
			theirs = f.talk.plan("waiting")
		})
		f.says("maintainer-one", "/approve-promotion %s", theirs)
	}},

	{name: "edited by its author", play: edited("maintainer-one")},
	{name: "edited by a maintainer", play: edited("maintainer-three")},
	{name: "edited from another command", says: wholeHash, play: func(f *fray) {
		id := f.says("maintainer-one", "/approve-promotion this")
		f.must(f.repo.EditCommentAs("maintainer-one", id, "/approve-promotion "+f.plan))
	}},
	{name: "of a megabyte", play: hidden("COMMAND\n\n" + strings.Repeat("Good. ", 1<<20/6))},
	{name: "with as many commands as fit", says: "more than 10 commands", play: hidden(strings.Repeat("COMMAND\n", 700))},
	{name: "with ten thousand commands", play: hidden(strings.Repeat("COMMAND\n", 10_000))},

	{name: "an argument more", asker: nobody, says: sayHow, play: says("contributor", "/promote hello-disk to testing --store=/tmp/mine")},
	{name: "an argument before", asker: nobody, says: sayHow, play: says("contributor", "/promote --plan= hello-disk to testing")},
	{name: "a flag for an artifact", asker: nobody, says: "there is no artifact `--confirm`", play: says("contributor", "/promote --confirm to testing")},
	{name: "a digest of one's own", asker: nobody, says: "there is no artifact", play: says("contributor", "/promote hello-disk@sha256:"+strings.Repeat("1", 64)+" to testing")},
	{name: "two commands in a line", asker: nobody, says: sayHow, play: says("contributor", "/promote hello-disk to testing; hello-disk to stable")},
	{name: "all artifacts", asker: nobody, says: "there is no artifact `*`", play: says("contributor", "/promote * to testing")},
	{name: "a path", asker: nobody, says: "there is no artifact", play: says("contributor", "/promote ../hello-disk to testing")},
	{name: "the entry channel", asker: nobody, says: "entry channel", play: says("contributor", "/promote hello-disk to next")},
	{name: "a variable of the job in a reason", asker: nobody, says: "$(", play: says("contributor", "/rollback hello-disk/testing $(JOB_SPEC) is bad")},
}

func TestAttacksByComment(t *testing.T) {
	t.Parallel()
	withstand(t, byComment)
}

func edited(by string) func(*fray) {
	return func(f *fray) {
		id := f.says("maintainer-one", "It looks good to me.")
		f.must(f.repo.EditCommentAs(by, id, "/approve-promotion "+f.plan))
	}
}

// injections are what people put into text that the robot repeats.
var injections = []string{
	"@maintainer-one @example/maintainers", "[here](https://evil.example.com)", "https://evil.example.com", "![x](https://evil.example.com/x.png)",
	"<img src=x> <details>", "<!-- slipway:promotion 1-0 -->", "-->", "` @maintainer-one `", "\\` @maintainer-one", "`` @maintainer-one", "**done** *really*", "| a | b |", "#1",
	"Plan `sha256:" + strings.Repeat("0", 64) + "`", "<code>sha256:" + strings.Repeat("0", 64) + "</code>",
}

// repeated are the places at which the robot repeats what people say.
var repeated = []string{
	"/hold-promotion %s", "/rollback hello-disk/testing %s", "/rollback %s because", "/promote %s", "/promote hello-disk to testing as v%s", "/promote hello-disk to x/%s", "/promote %s to testing",
	"/approve-promotion %s", "/override-freeze %s", "/hold-promotion \u00a0%s",
}

// Whatever people say, the robot speaks for itself alone.
func TestAttacksByText(t *testing.T) {
	t.Parallel()
	w := chatops.New(t, lively)
	f := &fray{talk: &talk{T: t, World: w}, repo: w.Guest}
	for i := range 2 { // so that there is something to go back to
		f.begin(i, attack{})
		f.honest(attack{})
	}
	f.begin(2, attack{})
	for _, place := range repeated {
		for some := range slices.Chunk(injections, 8) {
			var lines []string
			for _, text := range some {
				lines = append(lines, fmt.Sprintf(place, text))
			}
			f.says("contributor", "%s", strings.Join(lines, "\n\n"))
		}
	}
	answers, statuses := f.robots()
	if len(answers) < len(repeated) || len(statuses) < 2 {
		t.Errorf("the robot says only %q and %q", answers, statuses)
	}
	for _, body := range append(answers, statuses...) {
		f.wantHarmless(body)
	}
	f.says("contributor", "/hold-promotion cancel")
	f.honest(attack{})
}
