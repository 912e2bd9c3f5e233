using System.Net;
using Btx.Cli;

namespace Btx.LoadTests.Clients;

/// <summary>A server's addresses as the command line names them, and what may be loaded: this machine, unless told otherwise.</summary>
public static class ServerAddress
{
    /// <summary>Where <c>btx serve</c> listens unless told otherwise.</summary>
    public const string Default = ServerFlag.Usual + ",127.0.0.1:8080";

    /// <summary>Reads <c>GRPC[,HTTP]</c>: where a server speaks gRPC, and where HTTP, for the metrics, too.</summary>
    /// <param name="option">What names them, for messages.</param>
    public static (Uri Grpc, Uri? Http) ParseServer(string option, string addresses, bool allowRemote)
    {
        var parts = addresses.Split(',');
        if (parts.Length > 2)
            throw new LoadTestException($"{option} {addresses}: names {parts.Length} addresses; expected GRPC[,HTTP], such as {Default}");
        return (Parse(option, parts[0], allowRemote), parts.Length > 1 ? Parse(option, parts[1], allowRemote) : null);
    }

    /// <summary>Reads <c>127.0.0.1:8081</c> or a URL.</summary>
    /// <inheritdoc cref="ParseServer"/>
    public static Uri Parse(string option, string address, bool allowRemote)
    {
        var hasScheme = address.Contains("://", StringComparison.Ordinal);
        if (!Uri.TryCreate(hasScheme ? address : $"http://{address}", UriKind.Absolute, out var uri)
            || uri is not { Scheme: "http" or "https", Host.Length: > 0, PathAndQuery: "/" }
            || (!hasScheme && !address.Contains(':', StringComparison.Ordinal)))
            throw new LoadTestException($"{option} {address}: not a server's address; expected for example 127.0.0.1:8081 "
                + "or http://127.0.0.1:8081");
        var isLoopback = uri.IdnHost == "localhost"
            || (IPAddress.TryParse(uri.IdnHost.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip));
        if (!allowRemote && !isLoopback)
            throw new LoadTestException($"{option} {address}: not on this machine; a load test can take a server down. Add "
                + "--allow-remote if you may do that");
        return uri;
    }

    /// <summary>A key that a server, or a proxy before it, asks for: the file's only line.</summary>
    public static string? ReadKey(string? file)
    {
        if (file is null) return null;
        string key;
        try
        {
            key = File.ReadAllText(file).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LoadTestException($"--key-file {file}: cannot be read: {e.Message}", e);
        }

        return key.Length > 0 && key.All(c => c is > ' ' and < (char)127) ? key
            : throw new LoadTestException($"--key-file {file}: expected one line with a key, without blanks");
    }
}
