namespace Btx.Server.Changes;

/// <summary>What <see cref="AdminAccess"/> says to a caller who wants to change the forest.</summary>
internal enum AdminDecision
{
    Allowed,

    /// <summary>A key is needed and none was sent.</summary>
    NoKey,

    WrongKey,

    /// <summary>Nobody may.</summary>
    ReadOnly,

    /// <summary>A proxy sent it on, and there is no key to know its sender by.</summary>
    Forwarded,

    /// <summary>A page of another site sent it, and there is no key.</summary>
    ForeignOrigin,
}
