package course_test

import "strings"

const cronJob = `
cronjobs:
- metadata: {name: report, namespace: NS}
  spec:
    schedule: "SCHEDULE"
    successfulJobsHistoryLimit: 1
    concurrencyPolicy: Forbid
    jobTemplate: {spec: {template: {spec: {containers: [{image: "kubarium/toolbox:1.0", command: COMMAND}]}}}}
`

const apiPod = `
deployments:
- metadata: {name: api, namespace: NS}
  spec: {template: {spec: {containers: [{ports: [{name: http, containerPort: 8080}], readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 5}, livenessProbe: {httpGet: {path: /healthz, port: 8080}}}]}}}
pods:
- metadata: {name: api-1, namespace: NS, labels: {app: api}}
  spec: {containers: [{PROBES}]}
  status: {conditions: [{type: Ready, status: "True"}]}
`

func replaced(text string, pairs ...string) string {
	return strings.NewReplacer(pairs...).Replace(text)
}

var ckadWays = []answered{
	{task: "cron", way: "a script, from minute 0 on", objects: replaced(cronJob, "SCHEDULE", "0/15 * * * *", "COMMAND", `[sh, -c, "set -e\ndate\n"]`)},
	{task: "cron", way: "a word that begins like it", objects: replaced(cronJob, "SCHEDULE", "*/15 * * * *", "COMMAND", `[sh, -c, "dates"]`), says: "it runs sh, -c, dates"},
	{task: "cron", way: "each quarter of a day", objects: replaced(cronJob, "SCHEDULE", "0 */15 * * *", "COMMAND", `[date]`), says: "Its schedule is 0 */15 * * *"},
	{task: "probe", way: "by the name of the port", objects: replaced(apiPod, "PROBES", "readinessProbe: {httpGet: {}}, livenessProbe: {httpGet: {}}")},
	{task: "probe", way: "the pod of before is still there", objects: replaced(apiPod, "PROBES", "readinessProbe: {httpGet: {}}"), says: "It is not ready with its probes yet."},
	{task: "policy", way: "taken away", says: "There is no NetworkPolicy api, so by it nobody is kept out."},
	{task: "probe", way: "one of two", objects: `
deployments:
- metadata: {name: api, namespace: NS}
  spec: {template: {spec: {containers: [{readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 5}}]}}}
`, says: "It has no liveness probe. The readiness probe asks /healthz at port 8080 every 5 seconds."},
	{task: "service", way: "under that name", answers: []string{"front"}},
	{task: "service", way: "nobody answers", says: "other gets: timed out"},
	{task: "policy", way: "a second policy beside it", objects: `
networkpolicies:
- metadata: {name: api, namespace: NS}
  spec: {podSelector: {matchLabels: {app: api}}}
- metadata: {name: api-2, namespace: NS}
  spec: {podSelector: {matchLabels: {app: api}}, ingress: [{from: [{podSelector: {matchLabels: {role: client}}}], ports: [{port: 8080}]}]}
`, says: "The policy api has no rule under ingress. By it, nobody is let in."},
}

const vaultPolicy = `
networkpolicies:
- metadata: {name: closed, namespace: NS}
  spec: {podSelector: {}, policyTypes: [Ingress]}
- metadata: {name: vault-2, namespace: NS}
  spec: {podSelector: {matchLabels: {app: vault}}, ingress: [INGRESS]}
`

const intern = `
rolebindings:
- metadata: {name: other, namespace: NS}
  roleRef: {kind: Role, name: looks}
  subjects: [{kind: ServiceAccount, name: intern, namespace: NS}]
roles:
- metadata: {name: looks, namespace: NS}
  rules:
  - {apiGroups: [""], resources: [pods], verbs: [get, list]NAMES}
  - {apiGroups: [""], resources: [pods/log], verbs: [get]}
`

const binding = `
validatingadmissionpolicies:
- metadata: {name: exam-own-images}
  spec: {failurePolicy: Fail}
validatingadmissionpolicybindings:
- metadata: {name: exam-own-images}
  spec: {policyName: exam-own-images, validationActions: [ACTIONS]SCOPE}
`

const namespaceOnly = `, matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NS}}}`

var cksWays = []answered{
	{task: "policy", way: "another policy for the vault", answers: []string{"teller"},
		objects: replaced(vaultPolicy, "INGRESS", `{from: [{podSelector: {matchExpressions: [{key: role, operator: In, values: [teller]}]}}], ports: [{port: 8080, protocol: TCP}]}`)},
	{task: "policy", way: "whoever has a role", answers: []string{"teller"},
		objects: replaced(vaultPolicy, "INGRESS", `{from: [{podSelector: {matchExpressions: [{key: role, operator: Exists}]}}], ports: [{port: 8080}]}`), says: "The rules under ingress are"},
	{task: "policy", way: "every port", answers: []string{"teller"},
		objects: replaced(vaultPolicy, "INGRESS", `{from: [{podSelector: {matchLabels: {role: teller}}}]}`), says: "A rule names no port, so every port is open."},
	{task: "policy", way: "of all namespaces", answers: []string{"teller"},
		objects: replaced(vaultPolicy, "INGRESS", `{from: [{podSelector: {matchLabels: {role: teller}}, namespaceSelector: {}}], ports: [{port: 8080}]}`), says: "The rules under ingress are"},
	{task: "rbac", way: "a new Role, with two rules", objects: replaced(intern, "NAMES", "")},
	{task: "rbac", way: "one pod only", objects: replaced(intern, "NAMES", ", resourceNames: [vault]"), says: "RoleBindings give intern: Role looks"},
	{task: "token", way: "no pod at all", says: "The pods of page are none. One that is ready is wanted."},
	{task: "images", way: "deny and audit", objects: replaced(binding, "ACTIONS", "Audit, Deny", "SCOPE", namespaceOnly)},
	{task: "images", way: "in every namespace", objects: replaced(binding, "ACTIONS", "Deny", "SCOPE", ""), says: "It binds exam-own-images, in namespaces with {}."},
	{task: "images", way: "no binding", says: "There is no ValidatingAdmissionPolicyBinding exam-own-images."},
	{task: "policy", way: "no policy at all", answers: []string{"teller", "visitor"}, says: "There is no NetworkPolicy here, so everybody is let in."},
	{task: "miner", way: "made anew", objects: `
deployments:
- {metadata: {name: waiter, namespace: NS}, spec: {replicas: 0, template: {spec: {containers: [{image: x}]}}}}
- {metadata: {name: cook, namespace: NS}}
- {metadata: {name: cashier, namespace: NS}}
pods:
- metadata: {name: cook-1, namespace: NS, labels: {app: cook}}
- metadata: {name: cashier-1, namespace: NS, labels: {app: cashier}}
`, says: "Nobody can look into it any more."},
	{task: "miner", way: "deleted", objects: `
deployments:
- metadata: {name: cook, namespace: NS}
- metadata: {name: cashier, namespace: NS}
`, says: "One of the three Deployments is gone."},
	{task: "miner", way: "the wrong one", objects: `
deployments:
- {metadata: {name: waiter, namespace: NS}, spec: {replicas: 1}}
- {metadata: {name: cook, namespace: NS}, spec: {replicas: 0}}
- {metadata: {name: cashier, namespace: NS}, spec: {replicas: 1}}
pods:
- metadata: {name: waiter-1, namespace: NS, labels: {app: waiter}}
- metadata: {name: cashier-1, namespace: NS, labels: {app: cashier}}
`, says: "One that does nothing wrong has no pods."},
}

const counter = `
serviceaccounts:
- metadata: {name: auditor, namespace: NS}
clusterrolebindings:
- metadata: {name: auditor-exam-riga}
  roleRef: {kind: ClusterRole, name: ROLE}
  subjects: [{kind: ServiceAccount, name: auditor, namespace: NS}]
clusterroles:
- metadata: {name: ROLE}
  rules: [{apiGroups: [scheduling.k8s.io], resources: [priorityclasses], verbs: [get, list, watch]}]
`

const guarded = `
pods:
- metadata: {name: stranger, namespace: NS, labels: {role: visitor}}
networkpolicies:
- metadata: {name: vault, namespace: NS}
  spec: {podSelector: {matchLabels: {app: vault}}, ingress: [INGRESS]}
`

const lobby = `
services:
- metadata: {name: lobby, namespace: NS}
  spec: {type: NodePort, selector: {app: SELECTED}, ports: [{nodePort: 31871, port: 80}]}
endpointslices:
- metadata: {name: lobby-1, namespace: NS, labels: {kubernetes.io/service-name: lobby}}
  ports: [{port: 8080}]
  endpoints: [{conditions: {ready: true}, targetRef: {name: SELECTED-1}}]
`

const nervousPod = `
pods:
- metadata: {name: nervous-1, namespace: NS, labels: {app: nervous}}
  spec: {containers: [{PROBE}]}
  status: {conditions: [{type: Ready, status: "True"}], containerStatuses: [{restartCount: 0}]}
`

var cka2Ways = []answered{
	{task: "reader", way: "with watch", objects: replaced(counter, "ROLE", "auditor-exam-riga")},
	{task: "reader", way: "a role of another name", objects: replaced(counter, "ROLE", "counts"), says: "Both should be named auditor-exam-riga."},
	{task: "token", way: "the flag first", commands: typed("kubectl create token --duration 600s default", "eyJh")},
	{task: "token", way: "in this namespace, said aloud", commands: typed("kubectl -n exam-admin-riga create token default --duration=10m", "eyJh")},
	{task: "token", way: "of another namespace", commands: typed("kubectl -n kube-system create token default --duration=10m", "eyJh"), says: "not of default in this namespace"},
	{task: "token", way: "for an hour", commands: typed("kubectl create token default", "eyJh"), says: "or not for ten minutes"},
	{task: "policy", way: "by an expression", answers: []string{"welcome"},
		objects: replaced(guarded, "INGRESS", `{from: [{podSelector: {matchExpressions: [{key: role, operator: In, values: [cashier]}]}}]}`)},
	{task: "policy", way: "of all namespaces, too", answers: []string{"welcome"},
		objects: replaced(guarded, "INGRESS", `{from: [{podSelector: {matchLabels: {role: cashier}}}, {namespaceSelector: {}}]}`), says: "and nobody else. Its rules are"},
	{task: "policy", way: "taken away", objects: "pods: [{metadata: {name: stranger, namespace: NS, labels: {role: visitor}}}]", says: "There is no NetworkPolicy vault"},
	{task: "door", way: "to the guests", objects: replaced(lobby, "SELECTED", "guests")},
	{task: "door", way: "to others", objects: replaced(lobby, "SELECTED", "shop"), says: `and chooses {"app":"shop"}.`},
	{task: "nervous", way: "by a socket", objects: replaced(nervousPod, "PROBE", "livenessProbe: {tcpSocket: {port: 8080}}")},
	{task: "nervous", way: "asked no more", objects: replaced(nervousPod, "PROBE", "name: web"), says: "nobody asks any more whether it lives"},
	{task: "nervous", way: "asked with more patience", objects: replaced(nervousPod, "PROBE", "livenessProbe: {httpGet: {port: 8081}}"), says: "Its program listens elsewhere."},
}

const views = `
rolebindings:
- metadata: {name: a, namespace: NS}
  roleRef: {kind: ClusterRole, name: view}
  subjects: [{kind: Group, name: readers}, {kind: User, name: bob}]
- metadata: {name: b, namespace: WHERE}
  roleRef: {kind: ClusterRole, name: view}
  subjects: [{kind: Group, name: WHO}]
`

var cka3Ways = []answered{
	{task: "view", way: "with others", objects: replaced(views, "WHERE", "default", "WHO", "others")},
	{task: "view", way: "elsewhere, too", objects: replaced(views, "WHERE", "default", "WHO", "readers"), says: "RoleBindings give the group: ClusterRole view in exam-ops-tartu, ClusterRole view in default."},
	{task: "budget", way: "in percent", objects: `
poddisruptionbudgets:
- metadata: {name: stage, namespace: NS}
  spec: {minAvailable: 66%}
  status: {disruptionsAllowed: 1, expectedPods: 3, desiredHealthy: 2}
`},
	{task: "budget", way: "for one pod", objects: `
poddisruptionbudgets:
- metadata: {name: stage, namespace: NS}
  spec: {minAvailable: 1}
  status: {disruptionsAllowed: 2, expectedPods: 3, desiredHealthy: 1}
`, says: "It counts 3 pods, wants 1, and lets 2 go."},
}

const fast = `
pods:
- metadata: {name: fast, namespace: NS}
  spec: {nodeName: node-3, priority: 5000, priorityClassName: urgent, containers: [{}]CHOICE}
  status: {conditions: [{type: Ready, status: "True"}]}
nodes:
- metadata: {name: node-3, labels: {disk: ssd}}
`

const greedyPod = `
pods:
- metadata: {name: greedy-1, namespace: NS, labels: {app: greedy}}
  spec: {containers: [{resources: {requests: {memory: MEMORY}}}]}
  status: {phase: PHASE, conditions: [{type: Ready, status: "READY"}, {type: PodScheduled, message: a reason}]}
nodes:
- metadata: {name: node-1, labels: {LABEL: gold}}
`

var ckaWays = []answered{
	{task: "place", way: "by affinity", objects: replaced(fast, "CHOICE",
		`, affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: disk, operator: In, values: [ssd]}]}]}}}`)},
	{task: "place", way: "by the node's name", objects: replaced(fast, "CHOICE", ""), says: "it is there by chance, or by the node's name"},
	{task: "service", way: "to other pods", answers: []string{"buy"}, says: "client gets: Hello from pod buy-1"},
	{task: "pending", way: "in other units", objects: replaced(greedyPod, "MEMORY", "65536Ki", "PHASE", "Running", "READY", "True", "LABEL", "x")},
	{task: "pending", way: "by a label", objects: replaced(greedyPod, "MEMORY", "64Mi", "PHASE", "Running", "READY", "True", "LABEL", "tier"), says: "A node has the label tier now."},
	{task: "pending", way: "not yet", objects: replaced(greedyPod, "MEMORY", "900Gi", "PHASE", "Pending", "READY", "False", "LABEL", "x"), says: "Its pods are Pending.\n"},
}
