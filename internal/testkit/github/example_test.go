package github_test

import (
	"fmt"
	"log"
	"os"

	"slipway.dev/slipway/internal/testkit/github"
)

// A demonstration has no test to fail: it is told of wrong requests, and cleans up itself.
func ExampleNewServer() {
	var mistakes int
	server, err := github.NewServer(github.Config{Error: func(string, ...any) { mistakes++ }})
	if err != nil {
		log.Fatal(err)
	}
	server.AddUser("alice", "alice-token")
	repo, err := server.AddRepo("org", "repo", github.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for _, branch := range []string{"main", "topic"} {
		if _, err := repo.PushAs("alice", branch, "Begin "+branch, map[string]string{branch: "hello\n"}); err != nil {
			log.Fatal(err)
		}
	}
	number, err := repo.OpenPullAs("alice", github.NewPull{Title: "A topic", Head: "topic"})
	if err != nil {
		log.Fatal(err)
	}
	server.Close()
	_, err = os.Stat(repo.GitDir)
	fmt.Println(number, mistakes, os.IsNotExist(err))
	// Output: 1 0 true
}
