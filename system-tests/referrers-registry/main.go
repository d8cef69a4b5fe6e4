// A registry that answers the referrers API, for tests: go-containerregistry's own, with that part on (`crane registry serve` has it off).
// Usage: referrers-registry ADDRESS DIRECTORY
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", listener.Addr())
	handler := registry.New(
		registry.WithReferrersSupport(true),
		registry.WithBlobHandler(registry.NewDiskBlobHandler(os.Args[2])),
		registry.Logger(log.New(os.Stderr, "", 0)),
	)
	log.Fatal(http.Serve(listener, handler))
}
