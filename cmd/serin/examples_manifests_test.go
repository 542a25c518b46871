package main

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// manifest reads an example strictly into a type, which has the fields of the caller's
// documentation and no others.
func manifest(t *testing.T, name string, into any) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "examples", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// longestWait returns the longest --wait of a script.
func longestWait(t *testing.T, name string) time.Duration {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "examples", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	var longest time.Duration
	for _, m := range regexp.MustCompile(`--wait[ =]"?(?:\$\{\w+:-)?(\w+)`).FindAllStringSubmatch(string(b), -1) {
		d, err := time.ParseDuration(m[1])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		longest = max(longest, d)
	}
	return longest
}

// TestTheAppspec holds the appspec for machines against what the agent demands: a hook
// that runs scripts on machines, a script that is there, and a timeout that is longer
// than its wait, with an hour for all scripts of one event.
func TestTheAppspec(t *testing.T) {
	const dir = "codedeploy-ec2"
	var spec struct {
		Version string `yaml:"version"`
		OS      string `yaml:"os"`
		Files   []struct{ Source, Destination string }
		Hooks   map[string][]struct {
			Location string
			Timeout  int // seconds
		}
	}
	manifest(t, dir+"/appspec.yml", &spec)
	if spec.Version != "0.0" || spec.OS != "linux" || len(spec.Files) == 0 {
		t.Errorf("got version %s, os %s and %d files, want 0.0, linux and some", spec.Version, spec.OS, len(spec.Files))
	}
	asked := false
	for event, scripts := range spec.Hooks {
		switch event {
		case "ApplicationStop", "BeforeInstall", "AfterInstall", "ApplicationStart", "ValidateService", "BeforeAllowTraffic", "AfterAllowTraffic":
		default:
			t.Errorf("%s is no event whose scripts the agent runs", event)
		}
		sum := 0
		for _, s := range scripts {
			sum += s.Timeout
			wait := longestWait(t, path.Join(dir, s.Location))
			if time.Duration(s.Timeout)*time.Second <= wait {
				t.Errorf("%s: %s may take %d s and waits %v, want a timeout that is longer", event, s.Location, s.Timeout, wait)
			}
			asked = asked || wait > 0
		}
		if sum < 1 || sum > 3600 {
			t.Errorf("%s: the scripts may take %d s together, want at most 3600", event, sum)
		}
	}
	if !asked {
		t.Error("no script asks and waits")
	}
}

// container is a task of Cloud Deploy that runs one.
type container struct {
	Type, Image   string
	Command, Args []string
	Env           map[string]string
}

// TestTheDeliveryPipeline holds the pipeline against what Cloud Deploy's documentation
// says: bounds of an analysis, containers whose scripts are the example's, and the
// variables that these need.
func TestTheDeliveryPipeline(t *testing.T) {
	var p struct {
		APIVersion     string `yaml:"apiVersion"`
		Kind           string
		Metadata       struct{ Name string }
		SerialPipeline struct {
			Stages []struct {
				TargetID string `yaml:"targetId"`
				Strategy struct {
					Canary struct {
						RuntimeConfig    map[string]map[string]bool `yaml:"runtimeConfig"`
						CanaryDeployment struct {
							Percentages []int
							Verify      struct{ Tasks []container }
							Analysis    struct {
								Duration     string
								CustomChecks []struct {
									ID        string
									Frequency string
									Task      container
								} `yaml:"customChecks"`
							}
						} `yaml:"canaryDeployment"`
					}
				}
			}
		} `yaml:"serialPipeline"`
	}
	manifest(t, "cloud-deploy/clouddeploy.yaml", &p)
	if p.APIVersion != "deploy.cloud.google.com/v1" || p.Kind != "DeliveryPipeline" || len(p.SerialPipeline.Stages) != 1 {
		t.Fatalf("got %s %s with %d stages", p.APIVersion, p.Kind, len(p.SerialPipeline.Stages))
	}
	c := p.SerialPipeline.Stages[0].Strategy.Canary.CanaryDeployment
	runs := func(task container, script string) {
		t.Helper()
		if task.Type != "container" || strings.Join(append(task.Command, task.Args...), " ") != "/bin/sh /"+script {
			t.Errorf("got %+v, want a container that runs %s", task, script)
		}
		for _, name := range []string{"SERIN_URL", "SERIN_SERVICE", "SERIN_TOKEN_FILE"} {
			if task.Env[name] == "" {
				t.Errorf("%s has no %s", script, name)
			}
		}
	}
	if len(c.Verify.Tasks) != 1 || len(c.Analysis.CustomChecks) != 1 {
		t.Fatalf("got %d tasks and %d checks, want one of each", len(c.Verify.Tasks), len(c.Analysis.CustomChecks))
	}
	check := c.Analysis.CustomChecks[0]
	runs(c.Verify.Tasks[0], "verify.sh")
	runs(check.Task, "look.sh")
	if every, whole := seconds(t, check.Frequency), seconds(t, c.Analysis.Duration); every < 5*time.Minute || whole < every || whole > 48*time.Hour {
		t.Errorf("got a look each %v for %v, want at least 5m, and 48h at most", every, whole)
	}
	if wait := longestWait(t, "cloud-deploy/look.sh"); wait >= seconds(t, check.Frequency) {
		t.Errorf("a look waits %v, want less than the time between two", wait)
	}
}

// seconds reads a duration as Google's API writes it.
func seconds(t *testing.T, text string) time.Duration {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSuffix(text, "s"))
	if err != nil || !strings.HasSuffix(text, "s") {
		t.Fatalf("%q is no number of seconds", text)
	}
	return time.Duration(n) * time.Second
}
