package PVE::IPCC;

# pmxcfs from a plain folder: /etc/pve is what lies there, and every read is of now.
use strict;
use warnings;

use JSON;
use POSIX qw(ENOENT);
use PVE::Cluster::IPCConst;
use Time::HiRes qw(time);

my $status = {};    # what a daemon has said of itself

my @observed = qw(
    datacenter.cfg domains.cfg jobs.cfg priv/shadow.cfg priv/tfa.cfg priv/token.cfg replication.cfg
    storage.cfg user.cfg vzdump.cron ha/groups.cfg ha/resources.cfg ha/rules.cfg
    sdn/.running-config sdn/subnets.cfg sdn/vnets.cfg sdn/zones.cfg firewall/cluster.fw
);

sub content {
    my ($path) = @_;
    open my $fh, '<', $path or return undef;
    local $/;
    return scalar(<$fh>) // '';
}

sub configs { return glob '/etc/pve/nodes/*/qemu-server/*.conf' }

sub guests {
    my %ids;
    for my $file (configs()) {
        my ($node, $vmid) = $file =~ m{nodes/([^/]+)/qemu-server/(\d+)\.conf$} or next;
        $ids{$vmid} = { node => $node, type => 'qemu', version => int(time * 1e6) };
    }
    return \%ids;
}

# pvestatd's report, as old as it is on a node: up to ten seconds.
sub rrd {
    my $file = "$ENV{scratch}/rrd";
    my $written = (stat $file)[9];
    return content($file) if $written && time - $written < 10;
    my $now = int time;
    my $dump = "pve-node-9.0/pve1:1000::$now:0.1:8:0.01:0:64000000000:1000000000:0:0:100000000000:1000000000:0:0\n";
    for my $config (configs()) {
        my ($vmid) = $config =~ /(\d+)\.conf$/;
        my ($name) = (content($config) // '') =~ /^name: (\S+)/m;
        my $power = -e "/var/run/qemu-server/$vmid.pid" ? 'running' : 'stopped';
        $dump .= join(':', "pve-vm-9.0/$vmid", 10, $name // "VM$vmid", $power, 0, $now, 1, 0.1, 1e6, 1e3, 1e5, (0) x 6) . "\n";
    }
    # The formats before 9.0 have the same first fields.
    $dump .= $dump =~ s{^pve-node-9\.0}{pve2-node}mgr =~ s{^pve-vm-9\.0}{pve2.3-vm}mgr;
    open my $fh, '>', "$file.$$" or die "$file: $!\n";
    print $fh $dump;
    close $fh;
    chmod 0666, "$file.$$";
    rename "$file.$$", $file;
    return $dump;
}

sub properties {
    my ($vmid, @names) = @_;
    my %found;
    for my $file (configs()) {
        my ($id) = $file =~ /(\d+)\.conf$/;
        next if $vmid && $id != $vmid;
        my ($present) = split /^\[/m, content($file) // '';
        for my $name (@names) {
            $found{$id}{$name} = $1 if $present =~ /^\Q$name\E:\s*(.+)$/m;
        }
    }
    return \%found;
}

my %answer = (
    CFS_IPC_GET_FS_VERSION() => sub {
        my $now = int(time * 1e6);
        return encode_json({ starttime => 1, clinfo => 1, vmlist => $now, kvstore => {}, map { $_ => $now } @observed });
    },
    CFS_IPC_GET_CLUSTER_INFO() => sub { encode_json({ nodename => 'pve1', version => 1 }) },
    CFS_IPC_GET_GUEST_LIST() => sub { encode_json({ version => int(time * 1e6), ids => guests() }) },
    CFS_IPC_SET_STATUS() => sub {
        my ($name, $value) = unpack 'Z[256]Z*', $_[0];
        $status->{$name} = $value;
        return '';
    },
    CFS_IPC_GET_STATUS() => sub { $status->{ unpack 'Z[256]', $_[0] } },
    CFS_IPC_GET_CONFIG() => sub { content('/etc/pve/' . unpack 'Z*', $_[0]) },
    CFS_IPC_LOG_CLUSTER_MSG() => sub { '' },
    CFS_IPC_GET_CLUSTER_LOG() => sub { '{"data":[]}' },
    CFS_IPC_GET_RRD_DUMP() => sub { rrd() },
    CFS_IPC_GET_GUEST_CONFIG_PROPERTY() => sub { encode_json(properties(unpack 'VZ*', $_[0])) },
    CFS_IPC_GET_GUEST_CONFIG_PROPERTIES() => sub {
        my ($vmid, undef, $names) = unpack 'VCa*', $_[0];
        return encode_json(properties($vmid, split /\0/, $names));
    },
    CFS_IPC_VERIFY_TOKEN() => sub {
        my $token = unpack 'Z*', $_[0];
        my @known = split /\n/, content('/etc/pve/priv/token.cfg') // '';
        return (grep { $_ eq $token } @known) ? '' : undef;
    },
);

sub ipcc_send_rec {
    my ($message, $data) = @_;
    my $answer = $answer{$message} or die "pmxcfs's message $message is not known\n";
    my $result = $answer->($data);
    $! = defined($result) ? 0 : ENOENT;
    return $result;
}

1;
