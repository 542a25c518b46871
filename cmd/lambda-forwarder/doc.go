// Command lambda-forwarder is the AWS Lambda function between Serin and what calls
// functions only: the lifecycle hooks of CodeDeploy (platforms Lambda and ECS) and
// the Lambda hooks of ECS deployments. It decides nothing. It hands each event to a
// Serin server and, where that cannot be reached, gives the answer that was chosen
// for this case, so that no deployment hangs until AWS gives up on it.
//
// CodeDeploy's event is sent to POST $SERIN_URL/codedeploy/hook with what the
// environment says of the deployment; Serin itself reports to CodeDeploy. Where Serin
// cannot be reached, or refuses, the function reports at once.
//
// An event of ECS is sent to POST $SERIN_URL/aws/ecs-hook as it came, and Serin's
// answer is ECS's. Where Serin cannot be reached the function answers IN_PROGRESS a
// few times (it keeps the count in hookDetails), and then the fallback.
//
// It is configured by environment variables, which are read once and strictly: see
// docs/lambda-forwarder.md. With a fault in them every event is failed at once, and the log says
// everything that is wrong.
//
// Build it for the runtime provided.al2023, as the file bootstrap:
//
//	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 go build -tags lambda.norpc -trimpath -ldflags '-s -w' -o bootstrap .
package main
