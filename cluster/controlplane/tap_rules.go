package controlplane

import (
	"fmt"
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/informers"
	rbaclisters "k8s.io/client-go/listers/rbac/v1"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac"

	"kubarium/cluster/trace"
)

const (
	reasonAnnotation   = "authorization.k8s.io/reason"
	decisionAnnotation = "authorization.k8s.io/decision"
)

// ruleBook finds the rule by which RBAC allowed a request. It reads what the authorizer
// itself reads.
type ruleBook struct {
	roles        rbaclisters.RoleLister
	clusterRoles rbaclisters.ClusterRoleLister
}

func newRuleBook(f informers.SharedInformerFactory) *ruleBook {
	return &ruleBook{roles: f.Rbac().V1().Roles().Lister(), clusterRoles: f.Rbac().V1().ClusterRoles().Lister()}
}

// rules are the rules of the role that the authorizer names as its reason.
func (b *ruleBook) rules(reason string) []rbacv1.PolicyRule {
	// RBAC: allowed by RoleBinding "NAME/NAMESPACE" of Role "NAME" to User "NAME"
	binding, rest, ok := strings.Cut(strings.TrimPrefix(reason, "RBAC: allowed by "), ` of `)
	if b == nil || !ok || !strings.HasPrefix(reason, "RBAC: ") {
		return nil
	}
	kind, rest, _ := strings.Cut(rest, ` "`)
	name, _, ok := strings.Cut(rest, `" to `)
	if !ok {
		return nil
	}
	if kind == "ClusterRole" {
		if role, err := b.clusterRoles.Get(name); err == nil {
			return role.Rules
		}
		return nil
	}
	if i := strings.LastIndex(binding, "/"); i >= 0 {
		if role, err := b.roles.Roles(strings.TrimSuffix(binding[i+1:], `"`)).Get(name); err == nil {
			return role.Rules
		}
	}
	return nil
}

// describeRule writes the first of the rules that allows what was asked, as kubectl
// describe has it.
func describeRule(asked authorizer.Attributes, rules []rbacv1.PolicyRule) string {
	i := slices.IndexFunc(rules, func(rule rbacv1.PolicyRule) bool { return rbac.RuleAllows(asked, &rule) })
	if i < 0 {
		return ""
	}
	rule := rules[i]
	verbs := "may " + strings.Join(rule.Verbs, ",")
	if len(rule.NonResourceURLs) > 0 && !asked.IsResourceRequest() {
		return verbs + " " + strings.Join(rule.NonResourceURLs, ",")
	}
	groups := slices.Clone(rule.APIGroups)
	for i, group := range groups {
		if group == "" {
			groups[i] = "core"
		}
	}
	text := fmt.Sprintf("%s %s in group %s", verbs, strings.Join(rule.Resources, ","), strings.Join(groups, ","))
	if len(rule.ResourceNames) > 0 {
		text += " named " + strings.Join(rule.ResourceNames, ",")
	}
	return text
}

// asked is what the authorizer was asked.
func asked(e *trace.Event) authorizer.AttributesRecord {
	path, _, _ := strings.Cut(e.Fields["path"], "?")
	a := authorizer.AttributesRecord{Verb: e.Verb, Path: path}
	if o := e.Object; o != (trace.Object{}) {
		a.ResourceRequest = true
		a.APIGroup, a.APIVersion, a.Resource, a.Subresource = o.Group, o.Version, o.Resource, o.Subresource
		a.Namespace, a.Name = o.Namespace, o.Name
		// The authorizer is asked by the path, which has no name yet; the record has the body's.
		if a.Verb == "create" && a.Subresource == "" {
			a.Name = ""
		}
	}
	return a
}

// allowedBy is who decided where the authorizer gives no reason: of those that are
// configured, two give none.
func allowedBy(e *auditinternal.Event) string {
	if e.Annotations[decisionAnnotation] != "allow" || e.Annotations[reasonAnnotation] != "" {
		return ""
	}
	groups := e.User.Groups
	if e.ImpersonatedUser != nil {
		groups = e.ImpersonatedUser.Groups
	}
	if slices.Contains(groups, user.SystemPrivilegedGroup) {
		return "group " + user.SystemPrivilegedGroup + " may do all"
	}
	if slices.Contains(groups, user.NodesGroup) {
		return "Node authorizer"
	}
	return ""
}

// authentication says by what the server knew who asked.
func authentication(u authenticationv1.UserInfo) string {
	credential := ""
	if ids := u.Extra[user.CredentialIDKey]; len(ids) > 0 {
		credential = ids[0]
	}
	kind, id, _ := strings.Cut(credential, "=")
	switch {
	case kind == "X509SHA256":
		return "client certificate, SHA-256 " + id[:min(len(id), 16)]
	case kind == "JTI":
		return "service account token " + id
	case u.Username == user.Anonymous:
		return "no credentials"
	case strings.HasPrefix(u.Username, "system:bootstrap:"):
		return "bootstrap token " + strings.TrimPrefix(u.Username, "system:bootstrap:")
	case u.Username == user.APIServerUser:
		return "its own token, of the API server alone"
	}
	return ""
}
