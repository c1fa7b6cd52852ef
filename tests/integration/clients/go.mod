module provision.example/clients

go 1.21

require github.com/cactus/go-statsd-client/v5 v5.1.0
