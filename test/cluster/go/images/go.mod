module token-projector.dev/test/cluster/images

go 1.26.0
