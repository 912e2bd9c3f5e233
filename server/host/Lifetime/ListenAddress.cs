using System.Net;
using System.Net.Sockets;

namespace Btx.Server.Lifetime;

/// <summary>Where the server listens.</summary>
/// <param name="Option">The flag that names it, for messages.</param>
internal sealed record ListenAddress(string Option, IPEndPoint EndPoint)
{
    /// <summary>Its name in metrics and in the log: <c>http</c>, <c>grpc</c>, <c>admin</c>.</summary>
    public string Listener => Option.TrimStart('-');

    /// <summary>Reads <c>127.0.0.1:8080</c>, <c>[::1]:8080</c> or <c>localhost:8080</c>; port 0 lets the system choose.</summary>
    /// <exception cref="BtxException">The text is none of these.</exception>
    public static ListenAddress Parse(string option, string text)
    {
        var literal = text.StartsWith("localhost:", StringComparison.OrdinalIgnoreCase) ? $"127.0.0.1:{text["localhost:".Length..]}" : text;
        var colon = literal.LastIndexOf(':');
        if (colon > 0 && ushort.TryParse(literal.AsSpan(colon + 1), out _) && IPEndPoint.TryParse(literal, out var endPoint)
            && !(endPoint.Address.AddressFamily == AddressFamily.InterNetworkV6 && literal[0] != '['))
            return new(option, endPoint);
        throw new BtxException($"{option} is \"{text}\"; expected ADDRESS:PORT, for example 127.0.0.1:8080");
    }

    public BtxException Refused(Exception cause)
    {
        var inUse = cause is SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse }
            || cause.InnerException is AddressInUseException;
        return new($"{Option} {this}: " + (inUse
            ? $"port {EndPoint.Port} is in use; stop the program that listens there or choose another port"
            : $"cannot listen there ({cause.Message}); choose an address of this machine and a port that you may use"), cause);
    }

    public override string ToString() => EndPoint.ToString();
}
