using System.Net;

namespace Btx.LoadTests.Doors;

/// <summary>A server's address as the command line names it, and what may be loaded: this machine, unless told otherwise.</summary>
public static class DoorAddress
{
    /// <summary>Reads <c>127.0.0.1:8081</c> or a URL.</summary>
    /// <param name="option">The flag that names it, for messages.</param>
    /// <exception cref="LoadTestException">It is no address, or not on this machine.</exception>
    public static Uri Parse(string option, string address, bool allowRemote)
    {
        if (!Uri.TryCreate(address.Contains("://", StringComparison.Ordinal) ? address : $"http://{address}", UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https") || uri.Host.Length == 0)
            throw new LoadTestException($"{option} {address}: not a server's address; expected for example 127.0.0.1:8081 or http://127.0.0.1:8081");
        if (!allowRemote && !IsLoopback(uri)) throw new LoadTestException($"{option} {address}: not on this machine; a load test can take a server down. Add --allow-remote if you may do that");
        return uri;
    }

    private static bool IsLoopback(Uri uri) => uri.IdnHost == "localhost" || (IPAddress.TryParse(uri.IdnHost.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip));
}
