module example.com/hello-os

go 1.26.0

toolchain go1.26.8
