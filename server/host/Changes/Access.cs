using System.Net;
using Btx.Model;
using Btx.Server.Doors;
using Btx.Server.Lifetime;

namespace Btx.Server.Changes;

/// <summary>Who may change the forest, and by which names clients may call the server, as <c>serve</c> was told.</summary>
internal sealed record Access
{
    /// <summary>SHA-256 of the admin key; null: there is none.</summary>
    public byte[]? AdminKeyHash { get; init; }

    /// <summary>Whether changes are taken without a key.</summary>
    public bool UnauthenticatedAdmin { get; init; }

    /// <summary>See <see cref="AllowedHosts"/>.</summary>
    public IReadOnlyList<string> HostNames { get; init; } = [];

    /// <exception cref="BtxException">What was told contradicts itself.</exception>
    public (AdminAccess Admin, AllowedHosts Hosts) Open(ListenAddress http, ListenAddress grpc)
    {
        const string Flag = "--allow-unauthenticated-admin";
        if (UnauthenticatedAdmin && AdminKeyHash is not null)
            throw new BtxException($"{Flag} and --admin-key-file are both given; choose one");
        if (UnauthenticatedAdmin && !IPAddress.IsLoopback(grpc.EndPoint.Address))
        {
            throw new BtxException(
                $"{Flag} and --grpc {grpc}: whoever reaches that address could change the forest; use "
                    + "--admin-key-file FILE, or listen on loopback");
        }

        var hosts = new AllowedHosts(HostNames, http, grpc);
        return (new(AdminKeyHash, UnauthenticatedAdmin, hosts), hosts);
    }
}
