// Builds zTOCs with the reference's own package. Reads lines "PATH SPAN-SIZE COMPRESSION" on stdin and answers each with a
// line of JSON: the digest and size of the zTOC, or the error; and what the reference says when it reads its own zTOC back.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/awslabs/soci-snapshotter/ztoc"
)

type answer struct {
	Digest   string `json:"digest,omitempty"`
	Size     int64  `json:"size,omitempty"`
	Error    string `json:"error,omitempty"`
	ReadBack string `json:"readBack,omitempty"`
	// Nanoseconds that building and writing took: that passed, and of processors.
	Duration int64 `json:"duration"`
	CPU      int64 `json:"cpu"`
}

func build(path string, spanSize int64, compression string) (a answer) {
	defer func() {
		if r := recover(); r != nil {
			a.Error = fmt.Sprint("panic: ", r)
		}
	}()
	began, cpu := time.Now(), cpuTime()
	toc, err := ztoc.NewBuilder("AWS SOCI CLI v0.2").BuildZtoc(path, spanSize, ztoc.WithCompression(compression))
	if err != nil {
		a.Error = err.Error()
		return
	}
	reader, descriptor, err := ztoc.Marshal(toc)
	if err != nil {
		a.Error = err.Error()
		return
	}
	a.Duration, a.CPU = time.Since(began).Nanoseconds(), cpuTime()-cpu
	a.Digest, a.Size = descriptor.Digest.String(), descriptor.Size
	if _, err := ztoc.Unmarshal(reader); err != nil {
		a.ReadBack = err.Error()
	}
	return
}

func cpuTime() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var path, compression string
		var spanSize int64
		if _, err := fmt.Sscan(lines.Text(), &path, &spanSize, &compression); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		line, err := json.Marshal(build(path, spanSize, compression))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		fmt.Println(string(line))
	}
}
