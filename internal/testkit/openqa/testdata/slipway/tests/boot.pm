use base 'basetest';
use strict;
use warnings;
use testapi;

sub run {
    wait_serial('slipway: the disk has booted', 120) or die 'the disk said nothing';
    save_screenshot;
}

sub test_flags { return {fatal => 1} }

1;
