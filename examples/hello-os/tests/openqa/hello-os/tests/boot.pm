# The disk boots as far as to ask on its serial console who logs in.
use base 'basetest';
use strict;
use warnings;
use testapi;

sub run {
    wait_serial(qr/login:/, 300) or die 'no login on the serial console';
    save_screenshot;
}

sub test_flags { return {fatal => 1} }

1;
