namespace Btx.LoadTests.Doors;

/// <summary>How both doors connect: to the server itself, as many connections as the load needs.</summary>
internal static class DoorConnections
{
    public static SocketsHttpHandler Create() => new()
    {
        UseProxy = false,
        UseCookies = false,
        AllowAutoRedirect = false,
        EnableMultipleHttp2Connections = true, // one connection carries 100 streams at most
        PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
        ConnectTimeout = TimeSpan.FromSeconds(10),
    };

    /// <summary>Nobody answered, or the answer broke off; null: neither.</summary>
    /// <param name="begun">A part of the answer has arrived.</param>
    public static string? BrokenBy(Exception? exception, bool begun)
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            switch (exception)
            {
                case HttpRequestException
                {
                    HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError
                    or HttpRequestError.SecureConnectionError
                }:
                    return DoorAnswer.Unreachable;
                case System.Net.Sockets.SocketException { SocketErrorCode: System.Net.Sockets.SocketError.ConnectionRefused }:
                    return DoorAnswer.Unreachable;
                case HttpIOException or System.Net.Sockets.SocketException or EndOfStreamException or System.Net.Http.HttpProtocolException:
                    return DoorAnswer.CutOff;
                case IOException when begun:
                    return DoorAnswer.CutOff;
            }
        }

        return null;
    }
}
