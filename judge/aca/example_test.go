package aca_test

import (
	"encoding/json"
	"fmt"
	"log"

	"github.com/serin-canary/serin/judge/aca"
)

// A canary config and two series, judged.
func ExampleJudge() {
	var config aca.Config
	err := json.Unmarshal([]byte(`{
		"metrics": [{
			"name": "latency", "groups": ["requests"],
			"analysisConfigurations": {"canary": {"direction": "increase", "effectSize": {"allowedIncrease": 1.1}}}
		}, {
			"name": "errors", "groups": ["requests"]
		}],
		"classifier": {"groupWeights": {"requests": 100}}
	}`), &config)
	if err != nil {
		log.Fatal(err)
	}
	result, err := aca.Judge{}.Judge(aca.Request{
		Config:     config,
		Thresholds: aca.Thresholds{Pass: 95, Marginal: 75},
		Pairs: []aca.Pair{
			{Name: "latency", Control: []float64{10, 11, 12, 13, 14, 15}, Experiment: []float64{20, 21, 23, 24, 26, 27}},
			{Name: "errors", Control: []float64{0, 0, 0, 0, 0, 0}, Experiment: []float64{0, 1, 2, 1, 0, 0}},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range result.Results {
		fmt.Println(r.Name, r.Classification, r.Evidence.Interval.Low > 0)
	}
	fmt.Println(result.Score.Score, result.Score.Classification)
	// Output:
	// latency High true
	// errors Pass false
	// 50 Fail
}
