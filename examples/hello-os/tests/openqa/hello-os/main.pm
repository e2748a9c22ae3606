# The tests of hello-os, as os-autoinst loads them.
use strict;
use warnings;
use testapi;
use autotest;

autotest::loadtest('tests/boot.pm');

1;
