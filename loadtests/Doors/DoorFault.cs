namespace Btx.LoadTests.Doors;

/// <summary>What a user can do about a door that does not open.</summary>
internal static class DoorFault
{
    // What the gRPC door says to HTTP/1.1.
    private const string Http2Only = "HTTP/2 only";

    /// <param name="http">It was to be the HTTP door.</param>
    public static async Task<LoadTestException> OfAsync(Uri address, bool http, DoorAnswer answer, Exception? inner = null)
    {
        var server = address.GetLeftPart(UriPartial.Authority);
        if (http && answer.Error?.Contains(Http2Only, StringComparison.Ordinal) == true)
            return new($"{server} is the gRPC door of a server, not its HTTP door; name that behind the comma of --server",
                inner);
        var isKey = answer.Status is "unauthenticated" or "permission_denied";
        if (!http && !isKey && await SpeaksHttp1Async(address).ConfigureAwait(false))
            return new(
                $"{server} speaks HTTP/1.1, so it is the HTTP door of a server and not its gRPC door; name that before the comma of "
                    + $"--server GRPC,HTTP",
                inner);
        return new(
            answer.Status switch
            {
                DoorAnswer.Unreachable =>
                    $"no server listens at {server}; start one with `btx serve --forest S`, or name its address with --server",
                "unauthenticated" or "permission_denied" or "http_401"
                    or "http_403" => $"the server at {server} refused the key ({answer.Status}); give the right one with --key-file FILE",
                "unimplemented" or "http_404" =>
                    $"{server} is not the {(http ? "HTTP" : "gRPC")} door of a server ({answer.Status}); name "
                    + $"the right address with --server",
                _ when answer.Status == DoorAnswer.CutOff || IsNoRpc(inner) =>
                    $"what listens at {server} broke off its answer; is that the {(http ? "HTTP" : "gRPC")} door of --server?",
                _ => $"the server at {server} answered {answer.Status}: {answer.Error}",
            },
            inner);
    }

    // The status is the client's own word for bytes that are no HTTP/2: which one it is depends on what it was doing when they came.
    private static bool IsNoRpc(Exception? failure) =>
        failure is Grpc.Core.RpcException { Status.DebugException: HttpRequestException or IOException };

    private static async Task<bool> SpeaksHttp1Async(Uri address)
    {
        try
        {
            using var client = new HttpClient(DoorConnections.Create()) { Timeout = TimeSpan.FromSeconds(30) };
            using var response = await client.GetAsync(new Uri(address, "/health")).ConfigureAwait(false);
            return response.StatusCode != System.Net.HttpStatusCode.BadRequest;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return false;
        }
    }
}
