using System.Net.Sockets;
using Btx.Model;

namespace Btx.Server.Lifetime;

/// <summary>Finds out before a forest is loaded, which takes long, that a door could not open.</summary>
internal static class PortCheck
{
    /// <exception cref="BtxException">The port is in use or may not be used.</exception>
    public static void Require(ListenAddress address)
    {
        if (address.EndPoint.Port == 0) return;
        using var socket = new Socket(address.EndPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(address.EndPoint);
            socket.Listen(1);
        }
        catch (SocketException e)
        {
            throw Refused(address, e);
        }
    }

    public static BtxException Refused(ListenAddress address, Exception cause)
    {
        var inUse = cause is SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse }
            || cause.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException;
        return inUse
            ? new($"{address.Option} {address}: port {address.EndPoint.Port} is in use; stop the program "
                + "that listens there or choose another port",
            cause)
            : new($"{address.Option} {address}: cannot listen there ({cause.Message}); choose an address "
                + "of this machine and a port that you may use",
            cause);
    }
}
