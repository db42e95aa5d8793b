// Answers without a JSON library: what it says is fixed but for two values.
package main

import (
	"io"
	"os"
	"strconv"
)

func main() {
	request, err := io.ReadAll(os.Stdin)
	if err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	os.Stdout.WriteString(`{"status":"ok","result":{"language":"go","received":` + strconv.Itoa(len(request)) +
		`,"attempt":"` + os.Getenv("DUCTILE_ATTEMPT") + `"},` +
		`"events":[{"type":"spoken","payload":{"text":"grüße from go"}}],` +
		`"state_updates":{"language":"go"},"logs":[{"level":"info","message":"go spoke"}]}` + "\n")
}
