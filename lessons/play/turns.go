package play

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kubarium/lessons"
)

// remark is what somebody who looks over the learner's shoulder would say to a command that
// took a wrong turn; "" if it took none, and in exams, where nobody looks.
func (p *Player) remark(c lessons.Command) string {
	step := p.current()
	if step == nil || p.state.done || p.lesson.Kind == lessons.Exam {
		return ""
	}
	for _, turn := range []func(*lessons.Step, lessons.Command) string{p.wrongNamespace, p.wrongImage, p.wrongName} {
		if say := turn(step, c); say != "" {
			return say
		}
	}
	return ""
}

// wrongNamespace notices what was changed elsewhere than where the lesson looks.
func (p *Player) wrongNamespace(step *lessons.Step, c lessons.Command) string {
	args, ok := lessons.KubectlArgs(c.Line)
	if !ok || !slices.Contains([]string{"run", "create", "apply", "scale", "set", "expose", "patch", "edit", "delete", "label", "rollout"}, args[0]) {
		return ""
	}
	asked := lessons.FlagOf(c.Line, "namespace")
	if asked == "" || asked == p.lesson.Space() || p.wants(step, asked) {
		return ""
	}
	return fmt.Sprintf("That was in the namespace %s. This lesson works in %s: leave -n out, and try again.", asked, p.lesson.Space())
}

// wants reports whether the step itself speaks of a word.
func (p *Player) wants(step *lessons.Step, word string) bool {
	speaks := func(text string) bool { return strings.Contains(text, word) }
	return speaks(step.Text) || slices.ContainsFunc(step.Solution(), speaks)
}

// wrongImage notices an image that is almost one that the step speaks of. An image that the
// learner has not typed is not remarked upon: it may be the riddle.
func (p *Player) wrongImage(step *lessons.Step, c lessons.Command) string {
	args, ok := lessons.KubectlArgs(c.Line)
	if !ok {
		return ""
	}
	typed := lessons.FlagOf(c.Line, "image")
	if args[0] == "set" && len(args) > 1 && args[1] == "image" {
		_, typed, _ = strings.Cut(args[len(args)-1], "=")
	}
	if typed == "" || p.wants(step, typed) {
		return ""
	}
	image := regexp.MustCompile(`[a-z0-9.]+(/[a-z0-9.-]+)*:[a-zA-Z0-9._-]*[a-zA-Z0-9]`)
	known := image.FindAllString(step.Text+"\n"+strings.Join(step.Solution(), "\n"), -1)
	if near := lessons.Near(typed, known); near != "" && near != typed {
		return fmt.Sprintf("Read the name of the image again: you wrote %s, and it is called %s.", typed, near)
	}
	return ""
}

// wrongName notices a name that is not there, but nearly, or elsewhere.
func (p *Player) wrongName(_ *lessons.Step, c lessons.Command) string {
	missing := regexp.MustCompile(`\(NotFound\): ([a-z]+)\S* "([^"]+)" not found`).FindStringSubmatch(c.Output)
	if c.Exit == 0 || missing == nil {
		return ""
	}
	resource, name := missing[1], missing[2]
	var names []string
	for k := range p.store.objects {
		if k.resource.Resource != resource {
			continue
		}
		if k.name == name && k.namespace != "" {
			return fmt.Sprintf("%s is in the namespace %s; you asked in another one.", name, k.namespace)
		}
		if k.namespace == p.lesson.Space() || k.namespace == "" {
			names = append(names, k.name)
		}
	}
	slices.Sort(names)
	if near := lessons.Near(name, names); near != "" {
		return fmt.Sprintf("There is no %q here. Did you mean %s?", name, near)
	}
	return ""
}

// unseen is the hint to look at something at which the learner has not looked in this step,
// though it would tell much: the reason of a pod that is not well.
func (p *Player) unseen(step *lessons.Step) string {
	if p.lesson.Kind == lessons.Exam || len(step.Checks) == 0 {
		return ""
	}
	for _, o := range p.store.Objects(core("pods")) {
		pod := &unstructured.Unstructured{Object: o}
		status := lessons.Status(o)
		if pod.GetNamespace() != p.lesson.Space() || slices.Contains([]string{"Running", "Succeeded", "Terminating", "ContainerCreating", "PodInitializing"}, status) {
			continue
		}
		if !p.looked("describe", pod.GetName()) && !p.looked("events", "") && !p.looked("yaml", pod.GetName()) {
			return fmt.Sprintf("Nobody has asked yet why %s is %s. kubectl describe pod %s tells, in its last lines.", pod.GetName(), status, pod.GetName())
		}
		if slices.Contains([]string{"CrashLoopBackOff", "Error"}, status) && !p.looked("logs", "") {
			return fmt.Sprintf("What the program itself said is still unread: kubectl logs %s --previous.", pod.GetName())
		}
	}
	return ""
}

// looked reports whether something was looked at in this step, in the app or by a command;
// "" is any object.
func (p *Player) looked(view, name string) bool {
	return slices.ContainsFunc(p.store.looks, func(l lessons.Look) bool {
		return l.View == view && (name == "" || l.Name == "" || l.Name == name)
	})
}
