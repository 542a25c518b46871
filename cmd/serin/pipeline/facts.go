package pipeline

import "strings"

// Fact is something that a pipeline says of itself in a variable of its environment.
type Fact struct {
	Value string
	From  string // the variable's name; empty where nothing was found
}

// known is where a pipeline keeps a fact. A variable counts only where its witness is
// set too: its own name says too little.
type known struct{ name, witness string }

// revisions are the variables that name what is deployed, the surest first. CodeDeploy's
// agent runs a script once for each machine; a deployment's ID is the same on all.
func revisions() []known {
	return []known{
		{"DEPLOYMENT_ID", "LIFECYCLE_EVENT"},
		{"CLOUD_DEPLOY_RELEASE", ""},
		{"GITHUB_SHA", ""},
		{"CI_COMMIT_SHA", ""},
		{"CODEBUILD_RESOLVED_SOURCE_VERSION", ""},
		{"BUILD_SOURCEVERSION", ""},
		{"K_REVISION", ""},
	}
}

// services are the variables that name the service.
func services() []known {
	return []known{{"APPLICATION_NAME", "LIFECYCLE_EVENT"}, {"K_SERVICE", ""}}
}

// Revision returns what the environment says is deployed.
func Revision(getenv func(string) string) Fact { return first(revisions(), getenv) }

// Service returns which service the environment says it is.
func Service(getenv func(string) string) Fact { return first(services(), getenv) }

// Variables returns the names of the variables that name a revision, in their order.
func Variables() []string {
	var names []string
	for _, k := range revisions() {
		names = append(names, k.name)
	}
	return names
}

func first(list []known, getenv func(string) string) Fact {
	for _, k := range list {
		value := strings.TrimSpace(getenv(k.name))
		if value != "" && (k.witness == "" || getenv(k.witness) != "") {
			return Fact{value, k.name}
		}
	}
	return Fact{}
}
