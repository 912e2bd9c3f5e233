using Btx.Engine.Loop;
using Btx.Engine.Scheduling;

namespace Btx.Engine.Tests.Loop;

public sealed class EngineInvariantsTests
{
    private static EngineView Sound() => new([new EngineView.LaneView("a", [true, false], 1)],
        [new EngineView.SequenceView(1, SequencePhase.Decode, 5, 3, [new EngineView.MemberView("a", 0, 4, true)], 1)], 0, 4, 1, 16);

    private static EngineView With(EngineView.SequenceView sequence) => Sound() with { Running = [sequence] };

    [Fact]
    public void A_sound_state_has_no_faults() => Assert.Empty(EngineInvariants.Problems(Sound()));

    [Fact]
    public void Each_broken_rule_is_named()
    {
        var s = Sound().Running[0];
        var m = s.Members[0];
        Assert.NotEmpty(EngineInvariants.Problems(Sound() with { Running = [] })); // leaked slot
        Assert.NotEmpty(EngineInvariants.Problems(Sound() with { Running = [s, s with { Id = 2 }], Leases = 2 })); // shared slot
        Assert.NotEmpty(EngineInvariants.Problems(Sound() with { Lanes = [new EngineView.LaneView("a", [true, false], 2)] }));
        Assert.NotEmpty(EngineInvariants.Problems(Sound() with { Leases = 0 }));
        Assert.NotEmpty(EngineInvariants.Problems(Sound() with { Waiting = 5 }));
        Assert.NotEmpty(EngineInvariants.Problems(With(s with { Length = 17 })));
        Assert.NotEmpty(EngineInvariants.Problems(With(s with { Observed = 5 })));
        Assert.NotEmpty(EngineInvariants.Problems(With(s with { WeightSum = double.NaN })));
        Assert.NotEmpty(EngineInvariants.Problems(With(s with { Phase = SequencePhase.Finished })));
        Assert.NotEmpty(EngineInvariants.Problems(With(s with { Members = [m with { Cached = 5 }] })));
        Assert.NotEmpty(EngineInvariants.Problems(With(s with { Members = [m with { Cached = 3 }] })));
        Assert.NotEmpty(EngineInvariants.Problems(With(s with { Members = [m with { Slot = -1 }] })));
    }
}
