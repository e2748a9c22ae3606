use base 'basetest';
use strict;
use warnings;
use testapi;

sub run {
    record_soft_failure('a known bug');
}


1;
