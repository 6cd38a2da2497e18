# server.pl pvedaemon|pveproxy PORT: PVE's HTTP server and API, as its daemons start them.
# What stands in for QEMU is below; all other rules are PVE's own.
use strict;
use warnings;

use Fcntl;
use IO::File;
use IO::Socket::IP;
use POSIX;
use Socket qw(IPPROTO_TCP TCP_NODELAY SOMAXCONN);

use StandIn;
use PVE::API2;
use PVE::APIServer::Formatter::Standard;
use PVE::HTTPServer;
use PVE::QemuServer;

my ($role, $port) = @ARGV;
my $scratch = $ENV{scratch};

no warnings qw(redefine once);

# A VM that runs is a process with QEMU's name and its pid file: PVE asks for no more.
*PVE::QemuServer::vm_start_nolock = sub {
    my ($storecfg, $vmid, $conf) = @_;
    if (%{ $conf->{pending} // {} }) {
        PVE::QemuServer::vmconfig_apply_pending($vmid, $conf, $storecfg);
        $conf = PVE::QemuConfig->load_config($vmid);
    }
    for my $net (grep { /^net\d+$/ } sort keys %$conf) {
        my ($bridge) = $conf->{$net} =~ /bridge=([^,]+)/ or next;
        die "bridge '$bridge' does not exist\n" if $bridge ne 'vmbr0';
    }
    my $pidfile = "/var/run/qemu-server/$vmid.pid";
    my $child = fork();
    if (!$child) {
        POSIX::setsid();
        if (my $vm = fork()) {
            my $fh = IO::File->new($pidfile, 'w');
            print $fh "$vm\n";
            close $fh;
            POSIX::_exit(0);
        }
        POSIX::close($_) for 0 .. 255;
        exec { '/usr/bin/perl' } '/usr/bin/kvm', '-e', 'sleep', '--', '-id', $vmid, '-pidfile', $pidfile
            or POSIX::_exit(1);
    }
    waitpid $child, 0;
};

# Every guest shuts down at once, unless DEAF says that none listens.
*PVE::QemuServer::_do_vm_stop = sub {
    my ($storecfg, $vmid, $skiplock, $nocheck, $timeout, $shutdown, $force) = @_;
    my $pid = PVE::QemuServer::Helpers::vm_running_locally($vmid) or return;
    my $conf = PVE::QemuConfig->load_config($vmid);
    PVE::QemuConfig->check_lock($conf) if !$skiplock;
    if ($shutdown && !$force && $ENV{DEAF}) {
        sleep($timeout // 60);
        die "VM quit/powerdown failed - got timeout\n";
    }
    kill 'KILL', $pid;
    while (-e "/proc/$pid/exe") { select undef, undef, undef, 0.05 }
    unlink "/var/run/qemu-server/$vmid.pid";
    PVE::QemuServer::vmconfig_apply_pending($vmid, $conf, $storecfg) if %{ $conf->{pending} // {} };
};

# The disk of a running VM grows on the storage; there is no QEMU to tell.
my $resize = sub {
    my ($vmid, $device, $storecfg, $volid, $size) = @_;
    PVE::Storage::volume_resize($storecfg, $volid, $size, 0);
};
*PVE::QemuServer::qemu_block_resize = $resize;    # until 9.0
*PVE::QemuServer::Blockdev::resize = $resize;     # since 9.1

# What PVE asks QEMU before it changes the config of a VM that runs.
*PVE::QemuServer::get_running_qemu_version = sub { '9.2' };
*PVE::QemuServer::vm_devices_list = sub { {} };

my $socket = IO::Socket::IP->new(
    LocalAddr => '127.0.0.1',
    LocalPort => $port,
    Listen => SOMAXCONN,
    ReuseAddr => 1,
) or die "$@\n";
setsockopt($socket, IPPROTO_TCP, TCP_NODELAY, 1);
my $lockfile = "$scratch/$role.lck";
my $lockfh = IO::File->new($lockfile, O_WRONLY | O_CREAT, 0666) or die "$lockfile: $!\n";

# As PVE/Service/pvedaemon.pm and pveproxy.pm have it.
my %config = (
    base_uri => '/api2',
    keep_alive => 100,
    max_conn => 500,
    max_requests => 1000,
    lockfile => $lockfile,
    lockfh => $lockfh,
    socket => $socket,
);
if ($role eq 'pvedaemon') {
    $config{trusted_env} = 1;
} else {
    $config{logfile} = "$scratch/access.log";
    $config{ssl} = { cert_file => "$scratch/server.pem" };
}

sub serve {
    if ($role eq 'pveproxy') {
        my ($uid, $gid) = (getpwnam 'www-data')[2, 3];
        $) = "$gid $gid";
        $> = $uid;
    }
    PVE::HTTPServer->new(%config)->run();
    POSIX::_exit(0);
}

# Three workers; one that has served its thousand requests is followed by another.
sub worker { fork() || serve() }
my %workers = map { worker() => 1 } 1 .. 3;
while ((my $ended = waitpid -1, 0) > 0) {
    $workers{ worker() } = 1 if delete $workers{$ended};
}
