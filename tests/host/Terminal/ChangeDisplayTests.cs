using Btx.Server.Terminal;
using Btx.V1;

namespace Btx.Server.Tests.Terminal;

public sealed class ChangeDisplayTests
{
    [Fact]
    public void A_phase_took_what_the_server_says_however_late_its_progress_came()
    {
        using var output = new StringWriter();
        using (var display = new ChangeDisplay(output, live: false, 120, TimeProvider.System))
        {
            display.Report(new ChangeProgress { Phase = "validate", Message = "looking", Seconds = 0.1 });
            display.Report(new ChangeProgress { Phase = "validate", Message = "hashing", Fraction = 0.3, Seconds = 0.4 });
            display.Report(new ChangeProgress { Phase = "build", Message = "opening", Seconds = 2.1 });
            display.Report(new ChangeProgress { Phase = "commit", Message = "to disk", Seconds = 2.15 });
            Assert.Equal("  validate     2.0 s  hashing\n  build        50 ms  opening\n", output.ToString());
        }

        Assert.EndsWith("  to disk\n", output.ToString(), StringComparison.Ordinal);
    }
}
