package main

import (
	"errors"
	"strconv"
	"time"
)

// lastsFlag is how long something lasts that somebody wants.
type lastsFlag time.Duration

// String is the time as it is written.
func (l *lastsFlag) String() string {
	if *l == 0 {
		return ""
	}
	return time.Duration(*l).String()
}

// Set reads a time.
func (l *lastsFlag) Set(text string) error {
	lasts, err := time.ParseDuration(text)
	if err == nil && lasts <= 0 {
		err = errors.New("it would not begin")
	}
	*l = lastsFlag(lasts)
	return err
}

// Type is what help calls it.
func (l *lastsFlag) Type() string { return "duration" }

// Want is what an invocation that has something else should have.
func (l *lastsFlag) Want() string { return "a duration such as 30s or 5m" }

// membersFlag is how many members an etcd has.
type membersFlag int

// String is the number as it is written.
func (m *membersFlag) String() string { return strconv.Itoa(int(*m)) }

// Set reads a number that there can be.
func (m *membersFlag) Set(text string) error {
	number, err := strconv.Atoi(text)
	if err == nil && number != 1 && number != 3 {
		err = errors.New("it has one member, or three")
	}
	*m = membersFlag(number)
	return err
}

// Type is what help calls it.
func (m *membersFlag) Type() string { return "int" }

// Want is what an invocation that has something else should have.
func (m *membersFlag) Want() string { return "1, or 3 to see it lose one and its quorum" }
