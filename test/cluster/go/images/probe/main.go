// A container's whole userland for tests: it serves, asks, knocks, writes, reads and waits.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

const usage = `usage: probe get URL           prints what the URL answers
       probe knock ADDR        calls there once, answered or not, and sleeps
       probe read FILE         prints the file
       probe serve ADDR TEXT   answers every request with the text
       probe sleep             until it is told to stop
       probe write FILE TEXT   writes the file`

// How many arguments each command takes, and what it does with them.
var commands = map[string]struct {
	arguments int
	run       func(arguments []string) error
}{
	"get":   {1, func(a []string) error { return get(a[0]) }},
	"knock": {1, func(a []string) error { knock(a[0]); untilStopped(); return nil }},
	"read":  {1, func(a []string) error { return read(a[0]) }},
	"serve": {2, func(a []string) error { return serve(a[0], a[1]) }},
	"sleep": {0, func([]string) error { untilStopped(); return nil }},
	"write": {2, func(a []string) error { return os.WriteFile(a[0], []byte(a[1]), 0o644) }},
}

func main() {
	if len(os.Args) < 2 {
		fail(usage)
	}
	command, known := commands[os.Args[1]]
	arguments := slices.Clone(os.Args[2:])
	if !known || len(arguments) != command.arguments {
		fail(usage)
	}
	if err := command.run(arguments); err != nil {
		fail(err)
	}
}

func fail(why any) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(1)
}

func get(url string) error {
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}

// Whoever listens, or counts packets, knows now that this pod is there.
func knock(address string) {
	if connection, err := net.DialTimeout("tcp", address, time.Second); err == nil {
		connection.Close()
	}
}

func read(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(content)
	return err
}

func serve(address, text string) error {
	answer := func(w http.ResponseWriter, r *http.Request) {
		fmt.Printf("%s %s\n", r.Method, r.URL.Path)
		fmt.Fprintln(w, text)
	}
	server := http.Server{Addr: address, Handler: http.HandlerFunc(answer), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	fmt.Printf("serving on %s\n", address)
	go func() { untilStopped(); failed <- nil }()
	return <-failed
}

func untilStopped() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	<-stop
}
