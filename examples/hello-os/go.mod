module example.com/hello-os

go 1.26.8
