# The tests of openQA's own tests: MODULES names which run.
use strict;
use warnings;
use testapi;
use autotest;

autotest::loadtest("tests/$_.pm") for split /,/, get_var('MODULES', 'pass');

1;
