package openqa

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// create makes jobs of a form: a setting whose name ends in :NAME is that job's alone.
func (s *Server) create(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	common, single := map[string]string{}, map[string]map[string]string{}
	for name, values := range r.PostForm {
		i := strings.LastIndex(name, ":")
		if i < 0 {
			common[strings.ToUpper(name)] = values[0]
			continue
		}
		if single[name[i+1:]] == nil {
			single[name[i+1:]] = map[string]string{}
		}
		single[name[i+1:]][strings.ToUpper(name[:i])] = values[0]
	}
	if len(single) == 0 && common["TEST"] == "" {
		fail(w, http.StatusBadRequest, "TEST field mandatory")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := map[string]int64{}
	for _, suffix := range slices.Sorted(maps.Keys(single)) {
		settings := maps.Clone(common)
		maps.Copy(settings, single[suffix])
		if reason := s.refuse(settings, single); reason != "" {
			fail(w, http.StatusBadRequest, reason)
			return
		}
		ids[suffix] = s.add(settings, s.script(settings["TEST"])).id
	}
	answer(w, map[string]any{"ids": ids})
}

// refuse says what openQA would not take.
func (s *Server) refuse(settings map[string]string, jobs map[string]map[string]string) string {
	if settings["TEST"] == "" {
		return "TEST field mandatory"
	}
	for _, name := range []string{"_START_AFTER", "_PARALLEL"} {
		for _, other := range strings.Split(settings[name], ",") {
			if settings[name] != "" && jobs[other] == nil {
				return fmt.Sprintf("Specified dependency '%s' does not relate to a present job-suffix.", other)
			}
		}
		delete(settings, name)
	}
	return ""
}

func (s *Server) script(test string) []Look {
	if script := s.Script[test]; len(script) > 0 {
		return script
	}
	return Done("passed")
}

func (s *Server) add(settings map[string]string, script []Look) *job {
	j := &job{id: int64(len(s.jobs) + 1), test: settings["TEST"], settings: settings, script: script}
	s.jobs = append(s.jobs, j)
	return j
}

// list answers with the jobs of ids or of a build. A look by ids is the next of a job's script.
func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	query := r.URL.Query()
	ids := strings.Split(query.Get("ids"), ",")
	var listed []map[string]any
	for _, j := range slices.Clone(s.jobs) {
		byID := slices.Contains(ids, strconv.FormatInt(j.id, 10))
		if !byID && (query.Get("build") == "" || j.settings["BUILD"] != query.Get("build")) {
			continue
		}
		look := j.look()
		if byID {
			look = s.next(j)
		}
		if !look.Gone {
			listed = append(listed, j.show(look))
		}
	}
	if listed == nil {
		listed = []map[string]any{}
	}
	answer(w, map[string]any{"jobs": listed})
}

// look is what is seen now.
func (j *job) look() Look {
	if j.cancelled != "" {
		return Look{State: "cancelled", Result: "user_cancelled", Reason: j.cancelled}
	}
	return j.script[max(min(j.looks, len(j.script))-1, 0)]
}

// next goes on in the script.
func (s *Server) next(j *job) Look {
	if j.clone != 0 || j.cancelled != "" {
		return j.look()
	}
	j.looks++
	look := j.look()
	if look.Restart && len(j.script) > j.looks {
		j.clone = s.add(j.settings, j.script[j.looks:]).id
	}
	return look
}

func (j *job) show(look Look) map[string]any {
	shown := map[string]any{
		"id": j.id, "name": "test-" + j.test, "test": j.test, "state": look.State, "result": look.Result, "settings": j.settings,
		"modules": look.Modules, "clone_id": nil, "blocked_by_id": nil, "t_started": nil, "t_finished": nil,
	}
	if look.Reason != "" {
		shown["reason"] = look.Reason
	}
	if j.clone != 0 {
		shown["clone_id"] = j.clone
	}
	if look.BlockedBy != 0 {
		shown["blocked_by_id"] = look.BlockedBy
	}
	if look.State == "done" {
		shown["t_started"], shown["t_finished"] = "2026-11-21T10:00:00", "2026-11-21T10:01:30"
	}
	return shown
}

// find is the job that a request names.
func (s *Server) find(r *http.Request) *job {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || id < 1 || id > len(s.jobs) {
		return nil
	}
	return s.jobs[id-1]
}

func (s *Server) cancel(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.find(r)
	if j == nil {
		fail(w, http.StatusNotFound, "Job does not exist")
		return
	}
	if look := j.look(); look.Result == "none" && j.cancelled == "" {
		j.cancelled = r.FormValue("reason")
	}
	answer(w, map[string]any{"result": nil})
}

// details are those of the modules, each of which saw one screen and wrote one text.
func (s *Server) details(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.find(r)
	if j == nil {
		fail(w, http.StatusNotFound, "Job does not exist")
		return
	}
	look := j.look()
	shown := j.show(look)
	delete(shown, "modules")
	var results []map[string]any
	for _, m := range look.Modules {
		results = append(results, map[string]any{
			"name": m.Name, "category": m.Category, "result": m.Result, "execution_time": "1m 2s",
			"details": []map[string]any{
				{"screenshot": m.Name + "-1.png", "result": "ok", "title": "wait_serial"},
				{"screenshot": 1, "text": m.Name + "-2.txt", "text_data": "seen", "result": "ok", "title": "record_info"},
				{"screenshot": "../../" + m.Name + ".png", "result": "ok"},
			},
		})
	}
	shown["testresults"] = results
	shown["logs"] = []string{"autoinst-log.txt", "missing.txt", ".hidden"}
	shown["ulogs"] = []string{"uploaded.txt"}
	answer(w, map[string]any{"job": shown})
}

// Put puts a disk into the folder, as if openQA had fetched it.
func (s *Server) Put(name string, data []byte) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.Folder, name), data, 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// Finish ends every job with a result, whatever its script says.
func (s *Server) Finish(result string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.jobs {
		j.script = append([]Look{}, Done(result)...)
		j.looks = len(j.script)
	}
}
