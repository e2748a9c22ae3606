package git

import (
	"regexp"
	"strings"
)

var (
	userInfo = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*://)((?:[^\s/@]*@)+)`)
	query    = regexp.MustCompile(`(https?://[^\s'"?#]+)[?#][^\s'"]*`)
	scpForm  = regexp.MustCompile(`^(?:[^/@:]+@)?([^/:]+):([^/].*)$`)
	port     = regexp.MustCompile(`:[0-9]+$`)
)

// Shown is text, such as a URL or what git said, without what URLs in it say of
// users, and without queries, where tokens stand too. Over http a token can stand in the place of the name as well as of the
// password. Ssh keeps the name, which is needed to get there.
func Shown(text string) string {
	text = query.ReplaceAllString(text, "$1")
	return userInfo.ReplaceAllStringFunc(text, func(match string) string {
		m := userInfo.FindStringSubmatch(match)
		user, _, _ := strings.Cut(strings.TrimSuffix(m[2], "@"), ":")
		if strings.Contains(m[1], "ssh") && user != "" {
			return m[1] + user + "@"
		}
		return m[1]
	})
}

// Web is a repository's URL as a person opens it: https where git goes by ssh,
// without users, queries and .git. A path stays a path.
func Web(url string) string {
	if m := scpForm.FindStringSubmatch(url); m != nil && !strings.Contains(url, "://") {
		url = "https://" + m[1] + "/" + m[2]
	}
	url = Shown(url)
	if rest, ok := strings.CutPrefix(url, "ssh://"); ok {
		host, path, _ := strings.Cut(rest[strings.Index(rest, "@")+1:], "/")
		url = "https://" + port.ReplaceAllString(host, "") + "/" + path
	}
	return strings.TrimSuffix(strings.TrimRight(url, "/"), ".git")
}
