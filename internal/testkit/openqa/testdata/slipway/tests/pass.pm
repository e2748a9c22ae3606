use base 'basetest';
use strict;
use warnings;
use testapi;

sub run {
    record_info('fine', 'nothing was wrong');
}


1;
