package github

import "context"

type hooks struct{}

func (h *hooks) start(*Server)         {}
func (h *hooks) close(context.Context) {}

type org struct{}
