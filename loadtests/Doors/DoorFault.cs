namespace Btx.LoadTests.Doors;

/// <summary>What a user can do about a door that does not open.</summary>
internal static class DoorFault
{
    public static LoadTestException Of(string option, Uri address, DoorAnswer answer, Exception? inner = null)
    {
        var server = address.GetLeftPart(UriPartial.Authority);
        return new(
            answer.Status switch
            {
                DoorAnswer.Unreachable => $"no server listens at {server}; start one with `btx serve --forest S`, or name its address with {option}",
                "unauthenticated" or "permission_denied" or "http_401" or "http_403" => $"the server at {server} refused the key ({answer.Status}); give the right one with --key-file FILE",
                "unimplemented" or "http_404" => $"{server} is not a door of that kind ({answer.Status}); name the right address with {option}",
                DoorAnswer.CutOff => $"what listens at {server} broke off its answer; is that the door of {option}?",
                _ => $"the server at {server} answered {answer.Status}: {answer.Error}",
            },
            inner);
    }
}
