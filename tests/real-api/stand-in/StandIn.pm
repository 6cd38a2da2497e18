package StandIn;

# Lets PVE's modules load without what only a real node has: an empty module takes the place of
# each that is missing (Rust and C libraries, D-Bus) and of the parts of the API that nobody here
# asks for. A call into one of them returns nothing; STAND_IN=1 tells of each on stderr.
use strict;
use warnings;

my $unused = qr{
    ^PVE/(
        API2/(
            ACME | APT | Backup | Capabilities | Ceph | Certificates | Cluster/ | ClusterConfig
            | Disks | Firewall | HAConfig | Hardware | LXC | Network/SDN | NodeConfig | Replication
            | Scan | Services | Subscription | VZDump
        )
        | Ceph | ExtMetric | Firewall | HA/(?!Config) | Jobs | LXC | NodeConfig | Notify | VZDump
    )
}x;

my $empty = sub {
    my ($file) = @_;
    my $package = ($file =~ s{\.pm$}{}r) =~ s{/}{::}gr;
    my $body =
        $package =~ /^PVE::API2/
        ? 'use base "PVE::RESTHandler";'
        : 'our $AUTOLOAD; sub import { } sub DESTROY { } '
        . 'sub AUTOLOAD { warn "stand-in: $AUTOLOAD\n" if $ENV{STAND_IN}; return }';
    my $source = "package $package; use strict; $body 1;";
    open my $fh, '<', \$source or die $!;
    return $fh;
};

unshift @INC, sub { $_[1] =~ $unused ? $empty->($_[1]) : () };
push @INC, sub { $_[1] =~ m{^(PVE|Proxmox|Net/DBus)} ? $empty->($_[1]) : () };

# Made when PVE is built.
BEGIN {
    $INC{'PVE/pvecfg.pm'} = 1;
    *PVE::pvecfg::version_info = sub {
        open my $changelog, '<', "$ENV{sources}/pve-manager/debian/changelog" or die "changelog: $!\n";
        my ($version) = <$changelog> =~ /\(([\d.]+)/;
        my ($release) = $version =~ /^(\d+\.\d+)/;
        return { version => $version, release => $release, repoid => 'abcdef0123456789' };
    };
    $INC{'PVE/Cluster/IPCConst.pm'} = 1;
    do "$ENV{scratch}/IPCConst.pm" or die "IPCConst.pm: $@\n";
}

1;
