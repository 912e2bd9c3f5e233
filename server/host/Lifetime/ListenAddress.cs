using System.Net;

namespace Btx.Server.Lifetime;

/// <summary>Where a door listens.</summary>
/// <param name="Option">The flag that names it, for messages.</param>
internal sealed record ListenAddress(string Option, IPEndPoint EndPoint)
{
    /// <summary>Reads <c>127.0.0.1:8080</c>, <c>[::1]:8080</c> or <c>localhost:8080</c>; port 0 lets the system choose.</summary>
    /// <returns>Null, with the fault, if the text is none of these.</returns>
    public static ListenAddress? Parse(string option, string text, out string? problem)
    {
        problem = null;
        var literal = text.StartsWith("localhost:", StringComparison.OrdinalIgnoreCase) ? $"127.0.0.1:{text["localhost:".Length..]}" : text;
        var colon = literal.LastIndexOf(':');
        if (colon > 0 && ushort.TryParse(literal.AsSpan(colon + 1), out _) && IPEndPoint.TryParse(literal, out var endPoint)
            && !(endPoint.Address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 && literal[0] != '['))
            return new(option, endPoint);
        problem = $"{option} is \"{text}\"; expected ADDRESS:PORT, for example 127.0.0.1:8080";
        return null;
    }

    public override string ToString() => EndPoint.ToString();
}
