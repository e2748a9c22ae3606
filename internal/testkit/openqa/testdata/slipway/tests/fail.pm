use base 'basetest';
use strict;
use warnings;
use testapi;

sub run {
    die 'this test fails';
}


1;
