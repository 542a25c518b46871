package sequential_test

import (
	"fmt"
	"math"

	"github.com/serin-canary/serin/stats/sequential"
)

// One metric, errors, on the side that rolls back: three pods of the baseline and a
// canary pod that fails three times as often from its second block on.
func Example() {
	// The pre-period: requests and errors by pod and block.
	requests, errors := make([][]float64, 3), make([][]float64, 3)
	for pod := range requests {
		for block := range 20 {
			requests[pod] = append(requests[pod], 1000)
			errors[pod] = append(errors[pod], float64(8+(7*block+3*pod)%5))
		}
	}
	prior := sequential.PlaceboCounts(requests, errors)
	phi0 := math.Max(prior.Phi, 1) // errors that are steadier than chance are luck

	// The run.
	var blocks []sequential.CountBlock
	for _, canaryErrors := range []float64{10, 33, 28, 31, 30} {
		blocks = append(blocks, sequential.CountBlock{Nc: 1000, Xc: canaryErrors, Nb: 3000, Xb: 30})
	}
	// What is tolerated: 10 %, or what the luck of one pod against three may make.
	pods := sequential.Pods{Sigma: prior.Pod, DF: prior.DF, Default: .02}
	margin := pods.RollbackMargin(math.Log(1.1), 1, 3, 2.39)
	for t := range blocks {
		blocks[t].A = math.Exp(margin)
	}

	phi := sequential.Dispersion{Phi0: phi0, Nu0: 30}.Running(nil, blocks)
	worse := sequential.Counts{Side: sequential.Worse, Restarts: true}.Evidence(nil, blocks, phi)
	for t, logE := range worse {
		if logE >= math.Log(20) {
			low, high := sequential.RatioInterval(blocks[:t+1], phi[t], .05, .05)
			fmt.Printf("after block %d: %.0f to 1 that errors are more than %.2f times the baseline's (%.1f to %.1f)\n",
				t+1, math.Exp(logE), math.Exp(margin), low, high)
			return
		}
	}
	fmt.Println("nothing is proven")
	// Output: after block 3: 164 to 1 that errors are more than 1.19 times the baseline's (1.4 to 3.9)
}
