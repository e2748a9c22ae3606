package github

import (
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"strings"
)

func userRoutes() []route {
	return []route{
		{"GET", "/user", knows, 200, getSelf},
		{"GET", "/users/{login}", reads, 200, getUser},
		{"GET", "/rate_limit", reads, 200, rateLimit},
	}
}

type userJSON struct {
	ID      int64  `json:"id"`
	NodeID  string `json:"node_id"`
	Login   string `json:"login"`
	Type    string `json:"type"`
	URL     string `json:"url"`
	HTMLURL string `json:"html_url"`
}

// userJSON describes a user. Ids come from the login, so that they are the same in every run.
func (s *Server) userJSON(login string) userJSON {
	h := fnv.New32a()
	_, _ = h.Write([]byte(strings.ToLower(login)))
	kind, id := "User", int64(h.Sum32())
	if strings.HasSuffix(login, "[bot]") {
		kind = "Bot"
	}
	return userJSON{
		ID: id, NodeID: nodeID("U", id), Login: login, Type: kind,
		URL: s.URL() + "/users/" + login, HTMLURL: s.URL() + "/" + login,
	}
}

// nodeID is an opaque id as GitHub's GraphQL gives.
func nodeID(kind string, id int64) string {
	return kind + "_" + base64.RawURLEncoding.EncodeToString(fmt.Append(nil, kind, id))
}

func getSelf(c *call) (any, error) { return c.server.userJSON(c.login), nil }

func getUser(c *call) (any, error) {
	login := c.path("login")
	if !c.server.known(login) {
		return nil, notFound()
	}
	return c.server.userJSON(login), nil
}
