using System.Net;
using Btx.Cli;

namespace Btx.LoadTests.Doors;

/// <summary>A server's addresses as the command line names them, and what may be loaded: this machine, unless told otherwise.</summary>
public static class DoorAddress
{
    /// <summary>Where <c>btx serve</c> listens unless told otherwise.</summary>
    public const string Default = ServerFlag.Usual + ",127.0.0.1:8080";

    /// <summary>Reads <c>GRPC[,HTTP]</c>: a server's gRPC door, and its HTTP door, where the metrics are, too.</summary>
    /// <param name="option">What names them, for messages.</param>
    /// <exception cref="LoadTestException">One is no address, or not on this machine.</exception>
    public static (Uri Grpc, Uri? Http) ParseServer(string option, string addresses, bool allowRemote)
    {
        var doors = addresses.Split(',');
        if (doors.Length > 2)
            throw new LoadTestException($"{option} {addresses}: names {doors.Length} doors; expected GRPC or "
                + $"GRPC,HTTP, for example {Default}");
        return (Parse(option, doors[0], allowRemote), doors.Length > 1 ? Parse(option, doors[1], allowRemote) : null);
    }

    /// <summary>Reads <c>127.0.0.1:8081</c> or a URL.</summary>
    /// <param name="option">What names it, for messages.</param>
    /// <exception cref="LoadTestException">It is no address, or not on this machine.</exception>
    public static Uri Parse(string option, string address, bool allowRemote)
    {
        var hasScheme = address.Contains("://", StringComparison.Ordinal);
        if (!Uri.TryCreate(hasScheme ? address : $"http://{address}", UriKind.Absolute, out var uri)
            || uri is not { Scheme: "http" or "https", Host.Length: > 0, PathAndQuery: "/" }
            || (!hasScheme && !address.Contains(':', StringComparison.Ordinal)))
            throw new LoadTestException($"{option} {address}: not a server's address; expected for example "
                + "127.0.0.1:8081 or http://127.0.0.1:8081");
        if (!allowRemote && !IsLoopback(uri))
            throw new LoadTestException($"{option} {address}: not on this machine; a load test can take a server down. Add "
                + "--allow-remote if you may do that");
        return uri;
    }

    private static bool IsLoopback(Uri uri) =>
        uri.IdnHost == "localhost" || (IPAddress.TryParse(uri.IdnHost.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip));
}
