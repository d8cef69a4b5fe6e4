// The encoders of Go that write layers, for the corpora of the benchmarks.
//
//	gzip-go crane|umoci <FILE >FILE.gz
//
// crane is compress/gzip at its fastest level, as go-containerregistry's tarball package has it; umoci is pgzip at its default level over
// blocks of 256 KiB, as umoci's compressor has it.
package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/klauspost/pgzip"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: gzip-go crane|umoci")
	}
	writer, err := newWriter(os.Args[1])
	if err != nil {
		return err
	}
	if _, err := io.Copy(writer, os.Stdin); err != nil {
		return err
	}
	return writer.Close()
}

func newWriter(name string) (io.WriteCloser, error) {
	switch name {
	case "crane":
		return gzip.NewWriterLevel(os.Stdout, gzip.BestSpeed)
	case "umoci":
		writer := pgzip.NewWriter(os.Stdout)
		return writer, writer.SetConcurrency(256<<10, 2*runtime.NumCPU())
	}
	return nil, fmt.Errorf("no encoder %q", name)
}
