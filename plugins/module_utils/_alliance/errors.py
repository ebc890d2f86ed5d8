# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors that the collection raises, with the place they belong to and the way out."""

from __future__ import annotations


class AllianceError(Exception):
    """A problem that a user can act on.

    message: what is wrong. cluster, neighbour, obj: where. remedy: what to do about it.
    """

    def __init__(
        self,
        message: str,
        *,
        cluster: str | None = None,
        neighbour: str | None = None,
        obj: str | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.cluster = cluster
        self.neighbour = neighbour
        self.obj = obj
        self.remedy = remedy

    def __str__(self) -> str:
        places = []
        if self.cluster:
            places.append(f"cluster {self.cluster}")
        if self.neighbour:
            places.append(f"neighbour {self.neighbour}")
        if self.obj:
            places.append(self.obj)
        text = f"{', '.join(places)}: {self.message}" if places else self.message
        if self.remedy:
            text = f"{text.rstrip('.')}. Remedy: {self.remedy}"
        return text

    def located(
        self, *, cluster: str | None = None, neighbour: str | None = None, obj: str | None = None
    ) -> AllianceError:
        """A copy of the same class in which the places not known so far are filled in."""
        copy = self.__class__.__new__(self.__class__)
        copy.__dict__.update(self.__dict__)
        copy.args = self.args
        copy.cluster = self.cluster or cluster
        copy.neighbour = self.neighbour or neighbour
        copy.obj = self.obj or obj
        return copy


class KeyPairError(AllianceError):
    """An Ed25519 key can't be used."""


class CertificateError(AllianceError):
    """A certificate or a bundle of them can't be used."""


class DocumentError(AllianceError):
    """A metadata document can't be used.

    reason: InvalidJSON, InvalidPublicMetadata or InvalidPrivateMetadata, the condition reasons of IstioFederation.
    """

    def __init__(self, message: str, *, reason: str, obj: str | None = None, remedy: str | None = None) -> None:
        super().__init__(message, obj=obj, remedy=remedy)
        self.reason = reason


class TokenError(AllianceError):
    """A token isn't accepted. reason: the class of the refusal, the only thing that may be told."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"token refused: {reason}")
        self.reason = reason
