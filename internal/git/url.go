package git

import (
	"regexp"
	"strings"
)

var (
	userInfo = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*://)([^\s/@]*@)+`)
	scpForm  = regexp.MustCompile(`^(?:[^/@:]+@)?([^/:]+):([^/].*)$`)
	port     = regexp.MustCompile(`:[0-9]+$`)
)

// Shown is text, such as a URL or what git said, without what URLs in it say of
// users: a token can stand in the place of the name as well as of the password.
func Shown(text string) string { return userInfo.ReplaceAllString(text, "$1") }

// Web is a repository's URL as a person opens it: https where git goes by ssh,
// without users, queries and .git. A path stays a path.
func Web(url string) string {
	if m := scpForm.FindStringSubmatch(url); m != nil && !strings.Contains(url, "://") {
		url = "https://" + m[1] + "/" + m[2]
	}
	url = Shown(url)
	if rest, ok := strings.CutPrefix(url, "ssh://"); ok {
		host, path, _ := strings.Cut(rest, "/")
		url = "https://" + port.ReplaceAllString(host, "") + "/" + path
	}
	if strings.HasPrefix(url, "http") {
		url, _, _ = strings.Cut(url, "?")
		url, _, _ = strings.Cut(url, "#")
	}
	return strings.TrimSuffix(strings.TrimRight(url, "/"), ".git")
}
