// What an application in Go would send to the statsd at an address (the only argument).
package main

import (
	"log"
	"os"
	"time"

	"github.com/cactus/go-statsd-client/v5/statsd"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// Several lines go into each packet, with tags as InfluxDB has them.
func client(prefix string) statsd.Statter {
	made, err := statsd.NewClientWithConfig(&statsd.ClientConfig{
		Address:       os.Args[1],
		Prefix:        prefix,
		UseBuffered:   true,
		FlushInterval: 20 * time.Millisecond,
		TagFormat:     statsd.InfixComma,
	})
	check(err)
	return made
}

func main() {
	realm := client("realm.go-1.example.com")
	connection := realm.NewSubStatter("connection")
	for number := 0; number < 1000; number++ {
		check(connection.Inc("started", 3, 1.0))
	}
	check(connection.Gauge("online", 42, 1.0))
	check(connection.GaugeDelta("online", 5, 1.0))
	check(connection.GaugeDelta("online", -7, 1.0))
	// Each of those that the sampling lets through stands for four.
	session := realm.NewSubStatter("session")
	session.SetSamplerFunc(func(float32) bool { return true })
	for number := 0; number < 10; number++ {
		check(session.Inc("failed", 1, 0.25))
	}
	check(session.Inc("started", 9, 1.0, statsd.Tag{"region", "eu"}))
	check(realm.Set("visitors", "somebody", 1.0))
	check(realm.Close())

	clickhouse := client("clickhouse.sync.GoModel")
	for number := 1; number <= 100; number++ {
		check(clickhouse.TimingDuration("total", time.Duration(number)*time.Millisecond, 1.0))
	}
	check(clickhouse.Timing("steps.insert", 250, 1.0))
	check(clickhouse.Close())
}
