package container

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"slipway.dev/slipway/internal/exec"
)

// cage is a program in a process namespace, a mount namespace and control groups of its
// own. It ends with this process, however that ends.
type cage struct {
	pid   int           // of the process whose only child is the first one inside
	ended chan struct{} // closed when the program has ended
	err   error         // how it ended; read it when ended is closed

	kill  context.CancelCauseFunc
	alive io.Closer // its guard reads the other end: our death is its end
	guard *os.File  // ends when the guard has removed everything
	once  sync.Once
	left  error
}

// caged is what to run in a cage.
type caged struct {
	what   string // as errors call it
	args   []string
	env    []string // nil is ours
	output io.Writer
	folder string   // to make, and to remove at the end; may be empty
	groups []string // control groups to make and to join; the guard removes them
	clear  []string // patterns of what it removes beside them, since the program made it
	undo   string   // shell text that the guard runs, before it removes the folder
}

// guardText waits until its standard input ends, which is when the tester closes the cage
// or dies, and until the cage's first process, $1, is gone as well; then it removes what
// the kernel does not: control groups $3 as soon as the last process has left them, and
// again if one that was about to end made them anew; what the commands $4 undo; and the
// folder $2.
const guardText = `cd /
read -r never || :
tries=0
while [ -e "/proc/$1/root/." ] && [ "$tries" -lt 100 ]; do
	sleep 0.02
	tries=$((tries + 1))
done
tries=0
quiet=0
while [ "$quiet" -lt 3 ] && [ "$tries" -lt 600 ]; do
	quiet=$((quiet + 1))
	tries=$((tries + 1))
	for group in $3; do
		[ -e "$group" ] || continue
		quiet=0
		find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || :
	done
	sleep 0.05
done
eval "$4"
if [ -n "$2" ]; then rm -rf -- "$2"; fi`

// cageText starts the guard in a session of its own, where signals to us do not reach it,
// before there is anything to remove; tells its own number; and becomes unshare.
// $1 folder, $2 control groups, $3 all that the guard removes, $4 its undo, $5 the guard; then the program.
const cageText = `said=$(setsid sh -c 'sh -uc "$5" guard "$1" "$2" "$3" "$4" <&3 >/dev/null 2>&1 & echo guarded' sh "$$" "$1" "$3" "$4" "$5")
[ "$said" = guarded ]
if [ -n "$1" ]; then mkdir -p -m 0711 -- "$1"; fi
groups=$2
shift 5
for group in $groups; do
	mkdir "$group"
	echo $$ >"$group/cgroup.procs"
done
echo $$ >&4
exec 3<&- 4>&-
exec unshare --mount --propagation=private --pid --fork --kill-child --mount-proc -- "$@"`

func (c caged) argv() []string {
	remove := append(slices.Clone(c.groups), c.clear...)
	return append([]string{
		"sh", "-euc", cageText, "cage", c.folder, strings.Join(c.groups, " "), strings.Join(remove, " "), c.undo, guardText,
	}, c.args...)
}

// start starts the program, and returns when its guard stands.
func (c caged) start(ctx context.Context) (*cage, error) {
	aliveR, aliveW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	guardR, guardW, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, aliveR.Close(), aliveW.Close())
	}
	// The program outlives the start's context: it ends by close.
	inside, kill := context.WithCancelCause(context.WithoutCancel(ctx))
	p := &cage{ended: make(chan struct{}), kill: kill, alive: aliveW, guard: guardR}
	go func() {
		defer close(p.ended)
		p.err = exec.Run(inside, exec.Cmd{
			Args: c.argv(), Env: c.env, Stdout: c.output, Stderr: c.output, Files: []*os.File{aliveR, guardW},
		})
		if failed := (*exec.Error)(nil); errors.As(p.err, &failed) {
			failed.Args = []string{c.what} // the whole line is for nobody
		}
		_ = aliveR.Close()
		_ = guardW.Close()
	}()
	line, err := bufio.NewReader(guardR).ReadString('\n')
	if err == nil {
		p.pid, err = strconv.Atoi(strings.TrimSpace(line))
	}
	if err != nil {
		<-p.ended
		return nil, errors.Join(fmt.Errorf("start a container's cage: %w", cmp.Or(p.err, err)), p.close())
	}
	return p, nil
}

// errClosed is the cause of a program's end that was asked for.
var errClosed = errors.New("closed")

// cleaning is how long the guard may take.
const cleaning = 30 * time.Second

// close ends the program, and returns when nothing of it is left.
func (p *cage) close() error {
	p.once.Do(func() {
		p.kill(errClosed)
		<-p.ended
		p.left = errors.Join(p.alive.Close(), p.guard.SetReadDeadline(time.Now().Add(cleaning)))
		_, err := io.Copy(io.Discard, p.guard)
		if err != nil {
			err = fmt.Errorf("remove what a container left: %w; look for control groups named %s* and folders", err, prefix)
		}
		p.left = errors.Join(p.left, err, p.guard.Close())
	})
	return p.left
}
