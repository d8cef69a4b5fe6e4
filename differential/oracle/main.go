// Builds zTOCs with the reference's own package. Reads lines "PATH SPAN-SIZE COMPRESSION" on stdin and answers each with a
// line of JSON: the digest and size of the zTOC, or the error; what the reference says when it reads its own zTOC back; and, where
// it can, what its `soci ztoc info` shows of it.
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
	Info     *info  `json:"info,omitempty"`
	// Nanoseconds that building and writing took: that passed, and of processors.
	Duration int64 `json:"duration"`
	CPU      int64 `json:"cpu"`
}

// The members of `soci ztoc info`, whose source is in a module of its own. It asks the packages that are used here: for the span of
// each file's first byte, and of the byte behind its last one.
type info struct {
	Version           string `json:"version"`
	BuildTool         string `json:"build_tool"`
	Size              int64  `json:"size"`
	SpanSize          int64  `json:"span_size"`
	NumSpans          int64  `json:"num_spans"`
	NumFiles          int    `json:"num_files"`
	NumMultiSpanFiles int    `json:"num_multi_span_files"`
	Files             []file `json:"files"`
}

type file struct {
	Filename  string `json:"filename"`
	Offset    int64  `json:"offset"`
	Size      int64  `json:"size"`
	Type      string `json:"type"`
	StartSpan int64  `json:"start_span"`
	EndSpan   int64  `json:"end_span"`
}

func describe(toc *ztoc.Ztoc, size int64) (*info, error) {
	zinfo, err := toc.Zinfo()
	if err != nil {
		return nil, err
	}
	defer zinfo.Close()
	shown := &info{
		Version:   string(toc.Version),
		BuildTool: toc.BuildToolIdentifier,
		Size:      size,
		SpanSize:  int64(zinfo.SpanSize()),
		NumSpans:  int64(toc.MaxSpanID) + 1,
		NumFiles:  len(toc.FileMetadata),
	}
	for _, entry := range toc.FileMetadata {
		start := zinfo.UncompressedOffsetToSpanID(entry.UncompressedOffset)
		end := zinfo.UncompressedOffsetToSpanID(entry.UncompressedOffset + entry.UncompressedSize)
		if start != end {
			shown.NumMultiSpanFiles++
		}
		shown.Files = append(shown.Files, file{
			entry.Name, int64(entry.UncompressedOffset), int64(entry.UncompressedSize), entry.Type, int64(start), int64(end),
		})
	}
	return shown, nil
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
	read, err := ztoc.Unmarshal(reader)
	if err != nil {
		a.ReadBack = err.Error()
		return
	}
	if a.Info, err = describe(read, a.Size); err != nil {
		a.Error = err.Error()
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
