use base 'basetest';
use strict;
use warnings;
use testapi;

sub run {
    sleep 600;
}


1;
